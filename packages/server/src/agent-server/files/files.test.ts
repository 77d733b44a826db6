import { agentMigrations } from "@deputize/agent";
import { isDeputizeError, newId, systemClock } from "@deputize/core";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serverMigrations } from "../../a2a/task-store.ts";
import { testCaller } from "../../testing.ts";
import { type Running, startServer, token } from "../server.fixture.ts";
import { safeName } from "./file-routes.ts";
import { type FileStore, memoryFileStore } from "./file-store.ts";
import { postgresFileStore } from "./postgres-file-store.ts";
import { BYTES, typeOf } from "./sniff.ts";

const PNG = Buffer.from("\x89PNG\r\n\x1a\n and so on", "latin1");
const HTML = "<!DOCTYPE html><script>alert(document.cookie)</script>";
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>';

interface FileAnswer {
  readonly data: {
    readonly file_id: string;
    readonly mime_type: string;
    readonly text?: string;
    readonly size: number;
  };
}

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore([agentMigrations, serverMigrations]);
});
afterAll(() => store?.close());

const [ada, bob] = [testCaller("ada"), testCaller("bob")];
const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error: unknown) => (isDeputizeError(error) ? error.code : String(error)),
  );

describe.each(["memory", "postgres"])("a store of files (%s)", (kind) => {
  let files: FileStore;
  beforeAll(() => {
    const quota = { files: 3, bytes: 100 };
    files =
      kind === "memory"
        ? memoryFileStore({ clock: systemClock, quota })
        : postgresFileStore({ store, clock: systemClock, quota });
  });

  it("[AF-F08] keeps a file for its owner alone", async () => {
    const { id } = await files.add(ada, { name: "a.txt", type: "text/plain", bytes: Buffer.from("mine") });
    expect(Buffer.from((await files.read(ada, id)).bytes).toString()).toBe("mine");
    expect((await files.list(ada)).map((file) => file.id)).toEqual([id]);
    for (const attempt of [
      () => files.read(bob, id),
      () => files.info(bob, id),
      () => files.delete(bob, id),
      () => files.info(ada, newId()),
      () => files.info(ada, "no id"),
    ])
      expect(await codeOf(attempt())).toBe("not_found");
    expect(await files.list(bob)).toEqual([]);
    await files.delete(ada, id);
    expect(await codeOf(files.read(ada, id))).toBe("not_found");
  });

  it("keeps so many of one person, and so much", async () => {
    const add = (size: number) => files.add(bob, { name: "b", type: BYTES, bytes: Buffer.alloc(size) });
    await add(50);
    expect(await codeOf(add(51))).toBe("limit_exceeded");
    await add(10);
    await add(0);
    expect(await codeOf(add(0))).toBe("limit_exceeded");
  });
});

describe("files over HTTP", () => {
  let server: Running;
  beforeAll(async () => {
    server = await startServer({ limits: { fileBytes: 50_000 } });
  });
  afterAll(() => server.stop());

  async function upload(
    as: string,
    content: Uint8Array | string,
    name = "x",
    type = "text/html",
  ): Promise<Response> {
    const form = new FormData();
    form.append("file", new File([Buffer.from(content)], name, { type }));
    const { url } = server;
    return fetch(`${url}/v1/files/upload`, {
      method: "POST",
      headers: { authorization: `Bearer ${await token({ userId: as })}` },
      body: form,
    });
  }

  it("[AF-D11] gives what could run in a browser back as bytes to save, whatever its sender called it", async () => {
    for (const [content, type] of [
      [HTML, "text/html"],
      [SVG, "image/svg+xml"],
      [` \n${HTML}`, "image/png"],
      ["<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>", "text/xml"],
    ] as const) {
      const made = (await (await upload("ada", content, "page.html", type)).json()) as FileAnswer;
      expect(made.data.mime_type).toBe(BYTES);
      const got = await server.ask(`/v1/files/${made.data.file_id}`, { as: "ada" });
      expect(await got.text()).toBe(content);
      expect(got.headers.get("content-type")).toBe(BYTES);
      expect(got.headers.get("content-disposition")).toMatch(/^attachment; filename="page.html"/);
      expect(got.headers.get("x-content-type-options")).toBe("nosniff");
      expect(got.headers.get("content-security-policy")).toContain("sandbox");
    }
  });

  it("tells what a file is by its bytes, and the text of text", async () => {
    const png = (await (await upload("ada", PNG, "x.exe", "application/x-msdownload")).json()) as FileAnswer;
    expect(png.data.mime_type).toBe("image/png");
    const text = (await (await upload("ada", "Grüße", "../../etc/passwd", "image/png")).json()) as FileAnswer;
    expect(text.data).toMatchObject({ mime_type: "text/plain", text: "Grüße", filename: "passwd" });
    const info = await server.ask(`/v1/files/${text.data.file_id}/info`, { as: "ada" });
    expect(await info.json()).toMatchObject({ data: { filename: "passwd", size: 7 } });
    const url = (await (await server.ask(`/v1/files/${text.data.file_id}/url`, { as: "ada" })).json()) as {
      data: { url: string };
    };
    expect((await server.ask(url.data.url)).status).toBe(401);
    expect((await server.ask(url.data.url, { as: "bob" })).status).toBe(404);
    expect((await server.ask(url.data.url, { as: "ada" })).status).toBe(200);
  });

  it("[AF-D13] holds one bound, for a form of known length and for chunks", async () => {
    const limits = (await (await server.ask("/v1/config/multimodal", { as: "ada" })).json()) as {
      data: { max_size_bytes: number };
    };
    expect(limits.data.max_size_bytes).toBe(50_000);
    expect((await upload("ada", Buffer.alloc(50_000))).status).toBe(201);
    expect((await upload("ada", Buffer.alloc(50_001))).status).toBe(413);
    expect((await upload("ada", Buffer.alloc(200_000))).status).toBe(413);
    const chunks = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(Buffer.alloc(16_384)),
    });
    const chunked = await fetch(`${server.url}/v1/files/upload`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${await token()}`,
        "content-type": "multipart/form-data; boundary=x",
      },
      body: chunks,
      duplex: "half",
    } as RequestInit);
    expect(chunked.status).toBe(413);
  });

  it("refuses what is no form with one file", async () => {
    const send = (body: string, type: string) =>
      server.ask("/v1/files/upload", { method: "POST", as: "ada", body, headers: { "content-type": type } });
    expect((await send("{}", "application/json")).status).toBe(400);
    expect((await send("nonsense", "multipart/form-data; boundary=x")).status).toBe(400);
    expect((await send("nonsense", "multipart/form-data")).status).toBe(400);
  });
});

describe("names and kinds of files", () => {
  it("are safe as file names and in headers", () => {
    for (const [given, kept] of [
      ["../../a.txt", "a.txt"],
      ["C:\\x\\b.txt", "b.txt"],
      ["..", "file"],
      ["", "file"],
      ['a"\r\nSet-Cookie: x=1', "a___Set-Cookie_ x=1"],
      [".htaccess", "htaccess"],
      // Shown from right to left it would read as another kind of file.
      ["invoice\u202Efdp.exe", "invoice_fdp.exe"],
    ] as const)
      expect(safeName(given)).toBe(kept);
    expect(safeName("x".repeat(500))).toHaveLength(200);
  });

  it("are of kinds that no browser runs", () => {
    expect(typeOf(Buffer.from("%PDF-1.7"))).toBe("application/pdf");
    expect(typeOf(Buffer.from("RIFF1234WEBP"))).toBe("image/webp");
    expect(typeOf(Buffer.from("a,b\n1,2"))).toBe("text/plain");
    expect(typeOf(Buffer.from([0xff, 0xfe, 0x00]))).toBe(BYTES);
    for (const markup of [HTML, SVG, "<b>x</b>", "<!-- x -->", "\uFEFF <html>", "</script>"])
      expect(typeOf(Buffer.from(markup))).toBe(BYTES);
  });
});
