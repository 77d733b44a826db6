import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { quoted, readArguments, showAnswer } from "./tool-call.ts";
import { isAddress, readAddress } from "./tool-client.ts";
import { UsageError } from "./usage-error.ts";

afterEach(() => vi.restoreAllMocks());

describe("the arguments of a call", () => {
  it("come as JSON or from a file, and are an object", () => {
    const folder = mkdtempSync(join(tmpdir(), "deputize-args-"));
    const argsFile = join(folder, "args.json");
    writeFileSync(argsFile, '{"a":[1]}');
    expect(readArguments({})).toEqual({});
    expect(readArguments({ args: '{"a":1}' })).toEqual({ a: 1 });
    expect(readArguments({ argsFile })).toEqual({ a: [1] });
    rmSync(folder, { recursive: true });
    for (const args of ["", "a=1", "[1]", "null", '"a"'])
      expect(() => readArguments({ args })).toThrow(/the arguments are a JSON object/);
    expect(() => readArguments({ args: "{}", argsFile })).toThrow(/not both/);
    expect(() => readArguments({ argsFile })).toThrow(/cannot read .* \(ENOENT\)/);
  });

  it("are given back to the shell as one word each", () => {
    expect(["a-b", "{}", "it's", "$(rm)"].map(quoted)).toEqual(["a-b", "'{}'", `'it'\\''s'`, "'$(rm)'"]);
  });
});

describe("what is shown of an answer", () => {
  function shown(answer: object, json = false) {
    let [out, err] = ["", ""];
    vi.spyOn(process.stdout, "write").mockImplementation((text) => ((out += String(text)), true));
    vi.spyOn(process.stderr, "write").mockImplementation((text) => ((err += String(text)), true));
    const call = { id: "call-1", json, again: "deputize tools call URL wipe" };
    const code = showAnswer({ content: [], ...answer } as Parameters<typeof showAnswer>[0], call);
    vi.restoreAllMocks();
    return { code, out, err };
  }
  const approval = { id: "a-1", summary: "Wipes note 7", expires: "2030-01-01T00:00:00.000Z" };

  it("is the result, with the entry beside it", () => {
    const answer = { structuredContent: { text: "hi" }, _meta: { "deputize/entry_id": "e-1" } };
    expect(shown(answer)).toEqual({ code: 0, out: '{\n  "text": "hi"\n}\n', err: "entry e-1\n" });
    const { out, err } = shown(answer, true);
    expect([JSON.parse(out), err]).toEqual([
      { status: "done", call_id: "call-1", result: { text: "hi" }, entry_id: "e-1" },
      "",
    ]);
  });

  it("is the refusal, with exit code 1", () => {
    const refused = { isError: true, content: [{ type: "text", text: "no\u001b[2J" }] };
    expect(shown(refused)).toEqual({ code: 1, out: "", err: "deputize: no?[2J\n" });
  });

  it("is what it waits for and what to do then, with exit code 3", () => {
    const { code, out } = shown({ _meta: { "deputize/approval": approval } });
    expect(code).toBe(3);
    expect(out).toContain("waits for a person: Wipes note 7");
    expect(out).toContain("deputize tools call URL wipe --call-id call-1 --approval a-1");
  });
});

it("tells an address from a file, and from one that no token goes to", () => {
  expect(["https://a.example/mcp", "HTTP://a", "server.ts", "./http/x.ts"].map(isAddress)).toEqual([
    true,
    true,
    false,
    false,
  ]);
  for (const url of ["ftp://a.example/mcp", "https://me:pass@a.example/mcp", "https://"])
    expect(() => readAddress(url)).toThrow(UsageError);
});
