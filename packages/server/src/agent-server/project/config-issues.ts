/** What is wrong with a project's configuration, in lines that name the exact place. Values are never repeated. */
import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** One line for each fault: `auth.path: is a file of the project …`. */
export function configIssues(error: z.ZodError): string[] {
  return [...new Set(error.issues.flatMap((issue) => lines(issue, [])))];
}

function lines(issue: Issue, before: readonly PropertyKey[]): string[] {
  const path = [...before, ...issue.path];
  if (issue.code === "invalid_union") {
    const branch = meant(issue.errors);
    if (branch) return branch.flatMap((one) => lines(one, path));
  }
  if (issue.code === "invalid_key") return issue.issues.flatMap((one) => lines({ ...one, path: [] }, path));
  const where = pathText(path);
  const says = issue.message.endsWith("received undefined")
    ? "is missing"
    : issue.message.replace(/^Invalid input: /, "");
  return [where ? `${where}: ${says}` : says];
}

/** Faults of a value as a whole: it was meant to be something else. */
const KINDS = new Set(["invalid_type", "invalid_value", "invalid_format"]);

/** Of the forms that a value may have, the one that it was meant to be: one whose own kind fits, and with the fewest faults. */
function meant(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const wrongKind = (issues: readonly Issue[]) =>
    issues.some(({ code, path }) => path.length === 0 && KINDS.has(code));
  return branches.filter((one) => !wrongKind(one)).toSorted((a, b) => a.length - b.length)[0];
}

/** `auth[1].path`, as one would write it. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, at) => {
      if (typeof part === "number") return `[${part}]`;
      return /^[A-Za-z_$][\w$-]*$/.test(String(part))
        ? `${at === 0 ? "" : "."}${String(part)}`
        : `[${JSON.stringify(String(part))}]`;
    })
    .join("");
}
