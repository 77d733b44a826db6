/**
 * Style that a machine can hold: each rule bans a call outside of the one place for it and names what to use
 * instead.
 */
import { sourceFiles } from "./files.ts";

interface Rule {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Files that may. */
  readonly except?: RegExp;
}

const TESTS = /\.(test|slow\.test|bench)\.tsx?$|\/(test|testing|e2e|dev)\/|\/testing\.ts$/;
const TOOLS = /^(scripts|bench|examples|apps\/web)\//;

const RULES: readonly Rule[] = [
  {
    pattern: /\bDate\.now\(\)|\bnew Date\(\)/,
    instead: "a Clock from @deputize/core",
    except: /^packages\/core\/src\/clock\.ts$/,
  },
  { pattern: /\bMath\.random\(/, instead: "newId or randomHex from @deputize/core" },
  {
    pattern: /\bperformance\.now\(\)/,
    instead: "Clock.monotonicMs",
    except: /^packages\/core\/src\/clock\.ts$/,
  },
  {
    pattern:
      /(secret|password|hash|digest|mac|token|signature)\w*\s*[!=]==?\s*\w*(secret|password|hash|digest|mac|token|signature)/i,
    instead: "timingSafeEqual",
    except: /\/(merkle|verify|verify-log|checkpoint|schema|migrate|sequencer)[\w-]*\.ts$/,
  },
  { pattern: /@ts-ignore|@ts-expect-error/, instead: "a type that is right" },
  { pattern: /\b(TODO|FIXME|XXX|HACK)\b/, instead: "the work, or a line in docs/" },
  { pattern: /\.(only|skip|todo|skipIf|runIf)\(/, instead: "a plain `if` around the test" },
];

/** One line for each breach. */
export function checkTidy(root: string): string[] {
  const problems: string[] = [];
  for (const file of sourceFiles(root, /^(packages|apps|examples|bench|scripts|test)\/.*\.tsx?$/)) {
    if (file.path === "scripts/tidy.ts") continue;
    const isTest = TESTS.test(file.path);
    for (const [index, line] of file.text.split("\n").entries()) {
      for (const rule of RULES) {
        const onlyInTests = rule.instead.startsWith("a plain");
        if (!rule.pattern.test(line) || rule.except?.test(file.path)) continue;
        if (onlyInTests ? !isTest : isTest || TOOLS.test(file.path)) continue;
        problems.push(`${file.path}:${index + 1}: ${line.trim().slice(0, 80)} → use ${rule.instead}`);
      }
    }
  }
  return problems;
}
