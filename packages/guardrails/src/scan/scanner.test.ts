import { describe, expect, it } from "vitest";
import type { Detector, Direction } from "../detector.ts";
import { defaultScanner } from "../default-scanner.ts";
import { createPlaceholders } from "./placeholders.ts";
import { codePoints } from "./code-points.ts";
import { createScanner } from "./scanner.ts";
import { GuardrailViolationError } from "./violation.ts";

const DIRECTIONS: readonly Direction[] = ["input", "output", "tool_result"];
const SECRET = "AKIAIOSFODNN7EXAMPLE";
const CARD = "4111 1111 1111 1111";

const at = (name: string, type: string, start: number, end: number, score = 0.9): Detector => ({
  name,
  scan: () => [{ type, start, end, score }],
});

describe("fails closed [PR-D38]", () => {
  const broken: Record<string, Detector> = {
    throws: {
      name: "broken",
      scan() {
        throw new Error(`cannot read ${CARD}`);
      },
    },
    rejects: { name: "broken", scan: async () => Promise.reject(new Error(`cannot read ${CARD}`)) },
    "never answers": { name: "broken", scan: () => new Promise(() => {}) },
    "finds outside of the text": at("broken", "X", 5, 5_000),
  };
  for (const [what, detector] of Object.entries(broken)) {
    it.each(DIRECTIONS)(`where a detector ${what}: %s`, async (direction) => {
      const scanner = createScanner({ detectors: [detector], timeoutMs: 20 });
      const error = await scanner.check(CARD, direction).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(GuardrailViolationError);
      expect(error).toMatchObject({ code: "unavailable", direction });
      expect(String((error as Error).cause)).not.toContain("4111");
    });
  }

  it("where a detector is missing", async () => {
    const missing = createScanner({ detectors: [at("a", "A", 0, 1)], requires: ["injection"] });
    await expect(missing.check("x", "input")).rejects.toMatchObject({
      code: "unavailable",
      direction: "input",
    });
    expect(() => missing.stream()).toThrow(GuardrailViolationError);
    await expect(createScanner({ detectors: [undefined] }).scan("x", "output")).rejects.toBeInstanceOf(
      GuardrailViolationError,
    );
  });

  it("in a stream, and stays so", async () => {
    const stream = createScanner({ detectors: [broken["throws"] as Detector] }).stream();
    expect(() => stream.push("a".repeat(600))).toThrow(GuardrailViolationError);
    expect(() => stream.push("b")).toThrow(GuardrailViolationError);
    expect(() => stream.end()).toThrow(GuardrailViolationError);
  });
});

describe("what is done about a finding [PR-F44]", () => {
  it("differs by direction: personal data is told in a message, and hidden in an answer", async () => {
    const scanner = defaultScanner();
    const text = `my card is ${CARD}`;
    expect(await scanner.check(text, "input")).toBe(text);
    expect(await scanner.check(text, "tool_result")).toBe(text);
    expect(await scanner.check(text, "output")).toBe("my card is [CREDIT_CARD_1]");
  });

  it.each(DIRECTIONS)("hides credentials in every direction: %s", async (direction) => {
    expect(await defaultScanner().check(`key ${SECRET} it is`, direction)).toBe(
      "key [AWS_ACCESS_KEY_1] it is",
    );
  });

  it("follows the narrowest name of a policy", async () => {
    const scanner = defaultScanner({
      actions: {
        output: { "*": "allow", personal: "warn", "personal.finance": "redact", CREDIT_CARD: "block" },
      },
    });
    const actions = async (text: string): Promise<string[]> =>
      (await scanner.scan(text, "output")).findings.map(({ type, action }) => `${type} ${action}`);
    expect(await actions(`a@example.com, ${CARD}, DE89370400440532013000, ${SECRET}`)).toEqual([
      "EMAIL_ADDRESS warn",
      "CREDIT_CARD block",
      "IBAN_CODE redact",
    ]);
  });

  it("stops an answer in which the instructions leak", async () => {
    const scanner = defaultScanner();
    const leak = `They say: ${scanner.instructions}`;
    await expect(scanner.check(leak, "output")).rejects.toMatchObject({
      code: "guardrail_violation",
      direction: "output",
      types: ["SYSTEM_PROMPT_LEAK"],
    });
  });

  it("refuses a policy that cannot be", () => {
    expect(() => defaultScanner({ actions: { input: { "*": "ignore" as "warn" } } })).toThrow(/no action/);
    expect(() => defaultScanner({ actions: { inwards: {} } as object })).toThrow(/no text goes/);
    expect(() => createScanner({ detectors: [at("a", "A", 0, 1), at("a", "B", 0, 1)] })).toThrow(/one name/);
  });
});

describe("findings that overlap", () => {
  it("leave one, and hide what any of them would", async () => {
    const scanner = createScanner({
      detectors: [at("a", "A", 0, 6, 0.9), at("b", "B", 4, 10, 0.8), at("c", "C", 20, 22)],
      actions: { output: { "*": "redact" } },
    });
    const { findings, text } = await scanner.scan("0123456789..........CC.", "output");
    expect(findings.map(({ type }) => type)).toEqual(["A", "C"]);
    expect(text).toBe("[A_1]..........[C_1].");
  });

  it("the stronger action stays", async () => {
    const scanner = defaultScanner({ canary: false });
    const { text } = await scanner.scan(`https://example.com/?k=${SECRET}`, "output");
    expect(text).toBe("https://example.com/?k=[AWS_ACCESS_KEY_1]");
  });
});

describe("placeholders [PR-D39]", () => {
  it("number values, the same for the same one throughout a turn", async () => {
    const scanner = defaultScanner();
    const turn = createPlaceholders();
    const first = await scanner.scan("a@example.com, b@example.com, a@example.com", "output", turn);
    expect(first.text).toBe("[EMAIL_1], [EMAIL_2], [EMAIL_1]");
    expect((await scanner.scan("b@example.com", "output", turn)).text).toBe("[EMAIL_2]");
    expect((await scanner.scan("b@example.com", "output")).text).toBe("[EMAIL_1]");
  });

  it("are the same for one number however it is written", async () => {
    const { text } = await defaultScanner().scan(`card ${CARD}, card 4111111111111111`, "output");
    expect(text).toBe("card [CREDIT_CARD_1], card [CREDIT_CARD_1]");
  });

  it("keep no value: nothing of a finding, a scan or an error repeats what was found", async () => {
    const scanner = defaultScanner({ actions: { output: { credentials: "block" } } });
    const turn = createPlaceholders();
    const scanned = await scanner.scan(`${CARD} a@example.com ${SECRET}`, "output", turn);
    const error = await scanner.check(`${CARD} ${SECRET}`, "output", turn).catch((thrown: unknown) => thrown);
    const told = JSON.stringify([
      scanned,
      turn,
      error,
      (error as GuardrailViolationError).detail,
      String(error),
    ]);
    for (const raw of ["4111", "a@example", SECRET]) expect(told).not.toContain(raw);
  });
});

it("counts places in code points where it is asked to", () => {
  const place = codePoints("😀 a😀b");
  expect([0, 2, 3, 4, 6, 7].map(place)).toEqual([0, 1, 2, 3, 4, 5]);
});

it("finds the same places in a text with many thousands of findings, each as often as it stands there", async () => {
  const many = 20_000;
  const { findings, text } = await defaultScanner({ canary: false, injection: false }).scan(
    "a@example.com ".repeat(many),
    "output",
  );
  expect(findings).toHaveLength(many);
  expect(text).toBe("[EMAIL_1] ".repeat(many));
});
