import { DeputizeError } from "@deputize/core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type World, clientOf, openWorld } from "../../test/world.ts";
import {
  type CallLogLine,
  META,
  type MCPServer,
  contentResult,
  logging,
  provide,
  requireAuth,
} from "../index.ts";

const KEY = "sk-live-5f2a9c17e4";
const TRUSTED = { [META.context]: { integrity: "trusted" } };

let world: World;
let server: MCPServer;
let loads: string[] = [];
let lines: CallLogLine[] = [];
let kept: Buffer | undefined;
const leaky = provide("leaky", () => ({ text: "" }), {
  dispose: ({ text }) => {
    throw new Error(`not closed: 401 for ${text}`);
  },
});

beforeAll(async () => {
  world = await openWorld();
  server = world.server({
    middleware: [logging((line) => void lines.push(line))],
    secrets: {
      billing: (caller) => {
        loads.push(caller.subject);
        return KEY;
      },
      absent: () => Promise.reject(new Error(`vault says no to ${KEY}`)),
    },
  });
  const read = { description: "t", effect: "read", guards: [requireAuth()] } as const;
  server
    .tool("pays", read, async (_args, { secrets }) => {
      const first = await secrets.use("billing", (secret) => secret.length);
      const second = await secrets.use("billing", (secret) => (kept = secret).length);
      return { first, second };
    })
    .tool("leaks", read, async (_args, { secrets, progress, log }) => {
      const text = await secrets.use("billing", (secret) => secret.toString());
      await progress(1, 2, `using ${text}`);
      await log("info", { header: `Bearer ${text}` });
      return { text, encoded: Buffer.from(text).toString("base64"), [text]: 1 };
    })
    .tool("leaks_content", read, async (_args, { secrets }) => {
      const text = await secrets.use("billing", (secret) => secret.toString());
      return contentResult({ content: [{ type: "text", text }] });
    })
    .tool("fails", read, async (_args, { secrets }) => {
      const text = await secrets.use("billing", (secret) => secret.toString());
      throw new DeputizeError("conflict", `upstream refused ${text}`, {
        cause: new Error(`401 for ${text}`),
      });
    })
    .tool("tells_when", read, async (_args, { secrets }) => {
      await secrets.use("billing", () => undefined);
      return { at: new Date(0), of: [new URL("https://billing.example/")] };
    })
    .tool("joins", read, async (_args, { secrets }) => {
      const text = await secrets.use("billing", (secret) => secret.toString());
      const joined = ["", "a", "ab"].map((before) => Buffer.from(`${before}:${text}:`));
      return {
        standard: joined.map((b) => b.toString("base64")),
        url: joined.map((b) => b.toString("base64url")),
      };
    })
    .tool("fails_later", { ...read, inject: [leaky] }, async (_args, { secrets, after, get }) => {
      const text = await secrets.use("billing", (secret) => secret.toString());
      get(leaky).text = text;
      after(() => {
        throw new Error(`later: 401 for ${text}`);
      });
      return { done: true };
    })
    .tool("wants", read, (_args, { secrets }) => secrets.use("absent", () => ({})))
    .tool("guesses", read, (_args, { secrets }) => secrets.use("constructor", () => ({})))
    .tool("late", { ...read, timeoutMs: 30 }, async (_args, { secrets }) => {
      await new Promise((resolve) => setTimeout(resolve, 80));
      return { used: await secrets.use("billing", () => loads.push("late")) };
    })
    .tool("charges", { ...read, effect: "write" }, async (_args, { db, secrets }) => {
      await db.write((tx) => tx.query("SELECT 1"));
      await secrets.use("billing", () => undefined);
      return { done: true };
    });
});
beforeEach(() => {
  loads = [];
  lines = [];
  world.events.length = 0;
});
afterAll(() => world?.close());

const call = (name: string, meta = {}) =>
  clientOf(server, "alice").callTool(name, {}, { ...TRUSTED, ...meta });

describe("a call's secrets", () => {
  it("are loaded once for its caller, recorded by name, and gone when it ends [PR-F34] [PR-D47]", async () => {
    expect((await call("pays")).structuredContent).toEqual({ first: KEY.length, second: KEY.length });
    expect(loads).toHaveLength(1);
    expect(kept?.every((byte) => byte === 0)).toBe(true);
    expect(world.events).toMatchObject([{ outcome: "allowed", detail: { secrets: ["billing"] } }]);
    expect(JSON.stringify(world.events)).not.toContain(KEY);
  });

  it("leave in no answer, progress, log message or error, whatever a handler does [PR-D47]", async () => {
    const streamed = await (
      await clientOf(server, "alice").send("tools/call", {
        name: "leaks",
        arguments: {},
        _meta: { ...TRUSTED, progressToken: "p", "io.modelcontextprotocol/logLevel": "debug" },
      })
    ).text();
    expect(streamed).toContain("notifications/progress");
    expect(streamed).toContain("[secret billing]");
    const answers = [streamed];
    for (const name of ["leaks", "leaks_content", "fails", "wants"])
      answers.push(JSON.stringify(await call(name)));
    const shownCauses = lines.map(({ cause }) =>
      cause instanceof Error ? `${cause.message} ${cause.stack}` : cause,
    );
    const everything = JSON.stringify([answers, world.events, lines, shownCauses.slice(0, -1)]);
    for (const spelling of [KEY, Buffer.from(KEY).toString("base64").slice(0, 12)])
      expect(everything).not.toContain(spelling);
  });

  it("leave no trace in what is logged once the answer is given [PR-D47]", async () => {
    expect((await call("fails_later")).structuredContent).toEqual({ done: true });
    await server.close();
    const later = lines.filter(({ stage }) => stage !== undefined);
    expect(later.map(({ stage }) => stage).toSorted()).toEqual(["after", "dispose"]);
    for (const { cause } of later) {
      expect(cause).toBeInstanceOf(Error);
      expect(`${(cause as Error).message} ${(cause as Error).stack}`).not.toContain(KEY);
    }
  });

  it("are found within other text that was encoded with them [PR-D47]", async () => {
    const { standard, url } = (await call("joins")).structuredContent as Record<string, string[]>;
    for (const text of [...(standard ?? []), ...(url ?? [])]) {
      expect(text).toContain("[secret billing]");
      expect(Buffer.from(text.replaceAll("[secret billing]", ""), "base64").toString()).not.toContain("live");
    }
  });

  it("change nothing else of an answer", async () => {
    expect((await call("tells_when")).structuredContent).toEqual({
      at: "1970-01-01T00:00:00.000Z",
      of: ["https://billing.example/"],
    });
  });

  it("that cannot be had fail the call without saying why; names that are not there are not found", async () => {
    expect((await call("wants")).structuredContent).toMatchObject({ error: { code: "unavailable" } });
    expect((await call("guesses")).structuredContent).toMatchObject({ error: { code: "not_found" } });
  });

  it("are not lent to a handler whose call has ended [SR-16]", async () => {
    expect((await call("late")).structuredContent).toMatchObject({ error: { code: "timeout" } });
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(loads).toEqual([]);
  });

  it("used after the effect's entry have one of their own [SR-18]", async () => {
    expect((await call("charges")).structuredContent).toEqual({ done: true });
    expect(
      world.events.map(({ action, detail }) => [action, (detail as { secret?: string }).secret]),
    ).toEqual([
      ["tool.call", undefined],
      ["secret.use", "billing"],
    ]);
  });
});
