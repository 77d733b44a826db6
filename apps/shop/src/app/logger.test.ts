import { DeputizeError } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { errorForLog, withoutSecrets } from "./logger.ts";

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
