import { DeputizeError } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { createLogger, errorForLog, withoutSecrets } from "./logger.ts";

describe("errorForLog", () => {
  it("keeps codes and causes, and leaves out what quotes rows", () => {
    const database = Object.assign(new Error("duplicate key value violates unique constraint"), {
      code: "23505",
      detail: "Key (email)=(bob.smith@gmail.com) already exists.",
      where: "SQL statement with bob.smith@gmail.com",
    });
    const logged = errorForLog(new DeputizeError("internal", "could not write", { cause: database }));
    expect(logged).toMatchObject({ code: "internal", cause: { code: "23505" } });
    expect(JSON.stringify(logged)).not.toContain("bob.smith");
  });

  it("masks tokens, keys and passwords inside of sentences, and nothing else [AF-D17]", () => {
    const jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxMjM0NTYifQ.c2lnbmF0dXJlc2lnbmF0dXJl";
    for (const secret of [jwt, "Bearer abcdefghijkl", "postgres://app:hunter2@db/shop"]) {
      expect(withoutSecrets(`it failed with ${secret} again`)).toContain("[redacted]");
    }
    expect(withoutSecrets(jwt)).not.toContain("c2ln");
    expect(withoutSecrets("postgres://app:hunter2@db/shop")).toBe("postgres://app:[redacted]@db/shop");
    expect(withoutSecrets("the monkey has a key to the token machine")).toBe(
      "the monkey has a key to the token machine",
    );
  });

  it("survives what is no error", () => {
    expect(errorForLog("a string with eyJ").message).not.toContain("eyJ");
    expect(errorForLog(undefined).type).toBe("undefined");
  });
});

describe("createLogger", () => {
  const written: string[] = [];
  const log = createLogger("info", { write: (line) => void written.push(line) });

  it("leaves out secrets by name and by shape, at any depth, in messages too [AW-D23]", () => {
    const hex = "0123456789abcdef".repeat(4);
    const jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxMjM0NTYifQ.c2lnbmF0dXJlc2lnbmF0dXJl";
    written.length = 0;
    log.info(
      {
        headers: { authorization: "opaque-value", Cookie: "session=opaque", host: "localhost" },
        body: [{ client_secret: "short", note: `launch with ${hex}`, api_key: "dpk_x" }],
        deep: { deeper: { text: `token ${jwt}`, key: "dpk_abcdefghijklmnop_qrstuvwx" } },
        err: new Error(`could not use ${hex}`),
      },
      `refused ${jwt}`,
    );
    const line = written.join("");
    for (const secret of [hex, jwt, "opaque", "short", "dpk_abc"]) expect(line).not.toContain(secret);
    expect(JSON.parse(line)).toMatchObject({
      msg: "refused [redacted]",
      headers: { host: "localhost" },
      err: { type: "Error", message: "could not use [redacted]" },
    });
  });

  it("keeps codes, ids and numbers", () => {
    written.length = 0;
    const fields = {
      code: "forbidden",
      request_id: "019a0000-0000-7000-8000-000000000000",
      ms: 1.5,
      status: 403,
    };
    log.info(fields, "request");
    expect(JSON.parse(written[0] as string)).toMatchObject(fields);
  });
});
