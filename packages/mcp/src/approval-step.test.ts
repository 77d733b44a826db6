/** Written exemptions, and the link to the card, on a real store. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { newId } from "@deputize/core";
import { NOTE, type World, clientOf, openWorld, tokenOf } from "../test/world.ts";
import { META, MCPServer, TestClient, requireAuth } from "./index.ts";

let world: World;
let server: MCPServer;
let beforeWrite: () => Promise<unknown> = async () => {};

const TRUSTED = { [META.context]: { integrity: "trusted" } };
const input = { note_id: z.string(), body: z.string() };

/** Short texts need nobody's yes. */
const shortOnly = {
  exempt: "notes under 10 characters are harmless",
  when: async ({ note_id }: { note_id: string }, tx: { query: World["store"]["ownerQuery"] }) => {
    const { rows } = await tx.query<{ body: string }>("SELECT body FROM notes.note WHERE id = $1", [note_id]);
    return (rows[0]?.body.length ?? 99) < 20;
  },
};

beforeAll(async () => {
  world = await openWorld();
  server = world.server({ approvalUrl: (id) => `https://shop.example/approvals/${id}` });
  const tool = (name: string, effect: "write" | "sensitive", approval?: object) =>
    server.tool(
      name,
      {
        description: "Changes a note",
        effect,
        guards: [requireAuth()],
        input,
        preview: async ({ note_id }) => ({ summary: `Change ${note_id.slice(0, 8)}` }),
        ...(approval && { approval: approval as never }),
      },
      async ({ note_id, body }, { db }) => {
        await beforeWrite();
        await db.write((tx) => tx.query("UPDATE notes.note SET body = $2 WHERE id = $1", [note_id, body]));
        return { done: true };
      },
    );
  tool("edit_if_short", "sensitive", shortOnly);
  tool("edit_freely", "sensitive", { exempt: "a diary of one's own" });
  tool("edit_always", "write", { exempt: "a counter", evenUntrusted: true });
  tool("edit_broken", "sensitive", { exempt: "never true", when: () => Promise.reject(new Error("down")) });
  tool("edit", "sensitive");
});
beforeEach(() => {
  beforeWrite = async () => {};
});
afterAll(() => world?.close());

const call = (name: string, meta: object = TRUSTED, noteId: string = NOTE.alice) =>
  clientOf(server, "alice").callTool(
    name,
    { note_id: noteId, body: `by ${name}` },
    meta as Record<string, unknown>,
  );
const outcomeOf = async (answer: ReturnType<typeof call>): Promise<unknown> => {
  const { structuredContent } = await answer;
  const error = structuredContent?.["error"] as { code: string } | undefined;
  if (error) return error.code;
  return structuredContent?.["approval"] === undefined ? "done" : "asked";
};
const setBody = (body: string) =>
  world.store.ownerQuery("UPDATE notes.note SET body = $2 WHERE id = $1", [NOTE.alice, body]);
const bodyOf = async () => (await world.notes()).find(({ id }) => id === NOTE.alice)?.body;

describe("a written exemption", () => {
  it("lets a call through while its condition holds, and says so in the entry [SR-06]", async () => {
    await setBody("short");
    expect(await outcomeOf(call("edit_if_short"))).toBe("done");
    expect(await bodyOf()).toBe("by edit_if_short");
    expect(world.events.at(-1)).toMatchObject({
      outcome: "allowed",
      detail: { exempt: "notes under 10 characters are harmless" },
    });
  });

  it("asks as soon as the condition does not hold, or cannot be told", async () => {
    await setBody("a much longer text than that");
    expect(await outcomeOf(call("edit_if_short"))).toBe("asked");
    expect(await outcomeOf(call("edit_broken"))).not.toBe("done");
    expect(await bodyOf()).toBe("a much longer text than that");
    expect(world.events.filter((e) => e.outcome === "allowed" && e.resource === "notes/edit_broken")).toEqual(
      [],
    );
  });

  it("is asked for again in the effect's transaction: a row that changed meanwhile changes nothing [SR-15]", async () => {
    await setBody("short");
    beforeWrite = () => setBody("grown meanwhile to a longer text");
    expect(await outcomeOf(call("edit_if_short"))).toBe("approval_required");
    expect(await bodyOf()).toBe("grown meanwhile to a longer text");
  });

  it("does not hold in an untrusted context, unless it says so out loud [SR-06]", async () => {
    await setBody("short");
    for (const meta of [{}, { [META.context]: { integrity: "untrusted" } }]) {
      expect(await outcomeOf(call("edit_freely", meta))).toBe("asked");
      expect(await outcomeOf(call("edit_if_short", meta))).toBe("asked");
      expect(await outcomeOf(call("edit_always", meta))).toBe("done");
    }
    expect(await outcomeOf(call("edit_freely"))).toBe("done");
  });

  it("is shown to whoever reviews the server", () => {
    const approvals = server
      .explain()
      .map(({ name, steps }) => [name, steps.find((s) => s.startsWith("approval"))]);
    expect(Object.fromEntries(approvals)).toEqual({
      edit_if_short:
        "approval: always; exempt (while its condition holds, in a trusted context only), because notes under 10 characters are harmless",
      edit_freely: "approval: always; exempt (in a trusted context only), because a diary of one's own",
      edit_always: "approval: in an untrusted context; exempt, because a counter",
      edit_broken:
        "approval: always; exempt (while its condition holds, in a trusted context only), because never true",
      edit: "approval: always",
    });
  });

  it("needs somebody to ask wherever it may not hold", () => {
    const alone = new MCPServer({
      name: "s",
      auth: { name: "none", authenticate: () => Promise.reject(new Error()) },
      store: world.store,
      audit: world.audit,
    });
    const options = { description: "x", effect: "write", guards: [requireAuth()] } as const;
    expect(() => alone.tool("a", { ...options, approval: { exempt: "harmless" } }, () => ({}))).toThrow(
      /approvals/,
    );
    alone.tool("b", { ...options, approval: { exempt: "harmless", evenUntrusted: true } }, () => ({}));
  });
});

describe("a yes that nobody gave", () => {
  it("begins no handler, which may do things outside of its transaction [SR-15]", async () => {
    let begun = 0;
    beforeWrite = async () => void (begun += 1);
    const made = { ...TRUSTED, [META.callId]: "made-up-1", [META.approvalId]: newId() };
    expect(await outcomeOf(call("edit", made))).toBe("approval_invalid");
    expect(await outcomeOf(call("edit", { ...made, [META.once]: true }))).toBe("approval_invalid");
    const asked = { ...TRUSTED, [META.callId]: "made-up-2" };
    const { structuredContent = {} } = await call("edit", asked);
    const { id } = structuredContent["approval"] as { id: string };
    const early = { ...asked, [META.approvalId]: id };
    expect(await outcomeOf(call("edit", early))).toBe("approval_invalid");
    expect(begun).toBe(0);
    expect(world.events.at(-1)).toMatchObject({ outcome: "refused", reason: "approval_invalid" });
    await world.decide(id, "approved");
    expect(await outcomeOf(call("edit", early))).toBe("done");
    expect(await outcomeOf(call("edit", early))).toBe("approval_invalid");
    expect(begun).toBe(1);
  });
});

describe("a person's yes for another call", () => {
  it("begins no handler, and is still there for its own call [SR-15]", async () => {
    let begun = 0;
    beforeWrite = async () => void (begun += 1);
    const first = { ...TRUSTED, [META.callId]: "other-1" };
    const { structuredContent = {} } = await call("edit", first);
    const { id } = structuredContent["approval"] as { id: string };
    await world.decide(id, "approved");
    const yes = { [META.approvalId]: id };
    // Another call with the same arguments, and the same call with others, get cards of their own.
    expect(await outcomeOf(call("edit", { ...TRUSTED, ...yes, [META.callId]: "other-2" }))).toBe("asked");
    expect(await outcomeOf(call("edit", { ...first, ...yes }, NOTE.bob))).toBe("asked");
    expect(await outcomeOf(call("edit", { ...first, ...yes, [META.runId]: newId() }))).toBe("asked");
    expect(begun).toBe(0);
    expect(await outcomeOf(call("edit", { ...first, ...yes }))).toBe("done");
    expect(begun).toBe(1);
  });

  it("of another person begins none either, and asks nobody [SR-15]", async () => {
    let begun = 0;
    beforeWrite = async () => void (begun += 1);
    const id = newId();
    await world.store.ownerQuery(
      `INSERT INTO notes.approval SELECT (jsonb_populate_record(a, jsonb_build_object('id', $1::text, 'subject', $2::text, 'status', 'approved'))).*
       FROM notes.approval a LIMIT 1`,
      [id, newId()],
    );
    const stolen = { ...TRUSTED, [META.callId]: "other-3", [META.approvalId]: id };
    expect(await outcomeOf(call("edit", stolen))).toBe("approval_invalid");
    expect(begun).toBe(0);
  });
});

describe("a write of which some calls are sensitive", () => {
  /** Notes whose text is marked belong to somebody who wants to be asked. */
  const marked = async (
    { note_id }: { note_id: string },
    tx: { query: World["store"]["ownerQuery"] },
  ): Promise<boolean> => {
    const { rows } = await tx.query<{ body: string }>("SELECT body FROM notes.note WHERE id = $1", [note_id]);
    return rows[0]?.body.startsWith("marked") ?? true;
  };
  const options = {
    description: "Changes a note",
    effect: "write",
    guards: [requireAuth()],
    input,
    preview: async ({ note_id }: { note_id: string }) => ({ summary: `Change ${note_id.slice(0, 8)}` }),
  } as const;
  let raising: MCPServer;
  beforeAll(() => {
    raising = world.server({});
    const tool = (name: string, more: object) =>
      raising.tool(name, { ...options, ...more }, async ({ note_id, body }, { db }) => {
        await beforeWrite();
        await db.write((tx) => tx.query("UPDATE notes.note SET body = $2 WHERE id = $1", [note_id, body]));
        return { done: true };
      });
    tool("edit", { sensitiveWhen: marked });
    tool("edit_exempt", {
      sensitiveWhen: marked,
      approval: { exempt: "a counter", evenUntrusted: true },
    });
    tool("edit_odd", { sensitiveWhen: () => undefined });
    tool("edit_broken", { sensitiveWhen: () => Promise.reject(new Error("down")) });
  });
  const edit = (name: string, meta: object = TRUSTED) =>
    clientOf(raising, "alice").callTool(name, { note_id: NOTE.alice, body: "changed" }, { ...meta });

  it("asks for those in a trusted context too, whatever is exempt, and logs what they were [SR-06]", async () => {
    await setBody("marked");
    expect(await outcomeOf(edit("edit"))).toBe("asked");
    expect(world.events.at(-1)).toMatchObject({ detail: { effect: "sensitive" } });
    expect(await outcomeOf(edit("edit_exempt"))).toBe("asked");
    expect(await outcomeOf(edit("edit_exempt", {}))).toBe("asked");
    expect(await bodyOf()).toBe("marked");
  });

  it("lets the others through as ever [SR-06]", async () => {
    await setBody("plain");
    expect(await outcomeOf(edit("edit"))).toBe("done");
    expect(world.events.at(-1)).toMatchObject({ outcome: "allowed", detail: { effect: "write" } });
    expect(await outcomeOf(edit("edit_exempt"))).toBe("done");
    expect(await outcomeOf(edit("edit", {}))).toBe("asked");
  });

  it("takes for one what it cannot tell [SR-06]", async () => {
    await setBody("plain");
    expect(await outcomeOf(edit("edit_odd"))).toBe("asked");
    expect(await outcomeOf(edit("edit_broken"))).not.toBe("done");
    expect(await bodyOf()).toBe("plain");
  });

  it("does nothing when the call becomes one before its effect [SR-15]", async () => {
    await setBody("plain");
    beforeWrite = () => setBody("marked meanwhile");
    expect(await outcomeOf(edit("edit"))).toBe("approval_required");
    expect(await outcomeOf(edit("edit_exempt"))).toBe("asked");
    expect(await bodyOf()).toBe("marked meanwhile");
  });

  it("happens once a person has agreed [SR-15]", async () => {
    await setBody("marked");
    const meta = { ...TRUSTED, [META.callId]: "raised-1" };
    const { structuredContent = {} } = await edit("edit", meta);
    const { id } = structuredContent["approval"] as { id: string };
    const again = { ...meta, [META.approvalId]: id };
    expect(await outcomeOf(edit("edit", again))).toBe("approval_invalid");
    await world.decide(id, "approved");
    expect(await outcomeOf(edit("edit", again))).toBe("done");
    expect(await bodyOf()).toBe("changed");
  });

  it("is shown to reviewers, and declared for writes with a preview only", () => {
    const step = (name: string) =>
      raising
        .explain()
        .find((one) => one.name === name)
        ?.steps.find((s) => s.startsWith("approval"));
    expect(step("edit")).toBe("approval: in an untrusted context, and for each call that is sensitive");
    expect(step("edit_exempt")).toContain("exempt (for no sensitive call), because a counter");
    const { preview: _preview, ...bare } = options;
    const sensitiveWhen = () => true;
    expect(() => raising.tool("a", { ...bare, sensitiveWhen }, () => ({}))).toThrow(/preview/);
    for (const effect of ["read", "sensitive"] as const)
      expect(() => raising.tool("a", { ...options, effect, sensitiveWhen }, () => ({}))).toThrow(
        /sensitiveWhen/,
      );
    const alone = new MCPServer({
      name: "s",
      auth: { name: "none", authenticate: () => Promise.reject(new Error()) },
      store: world.store,
      audit: world.audit,
    });
    const approval = { exempt: "harmless", evenUntrusted: true };
    expect(() => alone.tool("a", { ...options, sensitiveWhen, approval }, () => ({}))).toThrow(/approvals/);
  });
});

describe("a person's yes", () => {
  const agree = async (name: string, args: object, meta: object): Promise<string> => {
    const { structuredContent = {} } = await clientOf(server, "alice").callTool(
      name,
      { ...args },
      { ...meta },
    );
    const { id } = structuredContent["approval"] as { id: string };
    await world.decide(id, "approved");
    return id;
  };

  it("is for the run that asked, and for no other [SR-15]", async () => {
    await setBody("before");
    const meta = { ...TRUSTED, [META.callId]: "of-a-run", [META.runId]: "run-1" };
    const id = await agree("edit", { note_id: NOTE.alice, body: "by edit" }, meta);
    for (const run of [{ [META.runId]: "run-2" }, { [META.runId]: undefined }])
      expect(await outcomeOf(call("edit", { ...meta, [META.approvalId]: id, ...run }))).not.toBe("done");
    expect(await bodyOf()).toBe("before");
    expect(await outcomeOf(call("edit", { ...meta, [META.approvalId]: id }))).toBe("done");
  });

  it("is for these arguments, also when a schema makes something of them that is no JSON [SR-15]", async () => {
    const seen: string[][] = [];
    const sets = world.server({});
    sets.tool(
      "tag",
      {
        description: "Tags a note",
        effect: "sensitive",
        guards: [requireAuth()],
        input: { tags: z.array(z.string()).transform((tags) => new Set(tags)) },
        preview: async () => ({ summary: "Tag it" }),
      },
      async ({ tags }, { db }) => {
        await db.write(async () => void seen.push([...tags]));
        return { done: true };
      },
    );
    const meta = { ...TRUSTED, [META.callId]: "of-a-set" };
    const tag = (tags: string[], more: object = {}) =>
      clientOf(sets, "alice").callTool("tag", { tags }, { ...meta, ...more });
    const { structuredContent = {} } = await tag(["mine"]);
    const { id } = structuredContent["approval"] as { id: string };
    await world.decide(id, "approved");
    expect(await outcomeOf(tag(["everybody's"], { [META.approvalId]: id }))).not.toBe("done");
    expect(seen).toEqual([]);
    expect(await outcomeOf(tag(["mine"], { [META.approvalId]: id }))).toBe("done");
    expect(seen).toEqual([["mine"]]);
  });
});

describe("the link to the card", () => {
  const ask = async (capabilities: object, params: object = {}) => {
    const client = new TestClient(server, { token: tokenOf("alice") });
    return client.request<Record<string, unknown>>("tools/call", {
      name: "edit",
      arguments: { note_id: NOTE.alice, body: "by link" },
      ...params,
      _meta: { ...TRUSTED, "io.modelcontextprotocol/clientCapabilities": capabilities },
    });
  };
  const LINKS = { elicitation: { url: {} } };

  it("goes to a client that can open it; its answer decides nothing [SR-05]", async () => {
    await setBody("before");
    const asked = await ask(LINKS);
    expect(asked).toMatchObject({
      resultType: "input_required",
      inputRequests: { approval: { method: "elicitation/create", params: { mode: "url" } } },
    });
    const { url } = (asked["inputRequests"] as { approval: { params: { url: string } } }).approval.params;
    const id = url.replace("https://shop.example/approvals/", "");
    const again = {
      inputResponses: { approval: { action: "accept" } },
      requestState: asked["requestState"],
    };
    expect(await ask(LINKS, again)).toMatchObject({
      isError: true,
      structuredContent: { error: { code: "approval_invalid" } },
    });
    expect(await bodyOf()).toBe("before");
    await world.decide(id, "approved");
    expect(await ask(LINKS, again)).toMatchObject({ structuredContent: { done: true } });
    expect(await bodyOf()).toBe("by link");
    expect(await ask(LINKS, again)).toMatchObject({
      structuredContent: { error: { code: "approval_invalid" } },
    });
  });

  it("is in the answer for those that cannot", async () => {
    const { structuredContent } = (await ask({ elicitation: { form: {} } })) as {
      structuredContent: { approval: { id: string; url: string } };
    };
    const { id, url } = structuredContent.approval;
    expect(url).toBe(`https://shop.example/approvals/${id}`);
  });
});
