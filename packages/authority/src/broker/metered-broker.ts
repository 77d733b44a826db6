/**
 * A broker that says what it does to whoever measures: a span and a count for each operation, after it committed.
 *
 * Guarantees: answers and errors are the broker's own. Nothing of a request but its kind is told [AW-D27].
 */
import { telemetry } from "@deputize/core";
import type { Broker } from "./broker.ts";

/** Wraps every operation that makes or ends something; `verify` is only counted, for every request pays it. */
export function meteredBroker<B extends Broker>(broker: B): B {
  const { apps, launchTokens, workers } = broker;
  const issued = (kind: string): void => telemetry.count("tokens_issued", { kind });
  const timed = <T>(name: string, work: () => Promise<T>): Promise<T> =>
    telemetry.span(`broker.${name}`, {}, work);

  return {
    ...broker,
    apps: {
      ...apps,
      signIn: (credentials) =>
        timed("app_sign_in", async () => {
          const token = await apps.signIn(credentials);
          issued("app");
          return token;
        }),
    },
    launchTokens: {
      ...launchTokens,
      create: (by, request) =>
        timed("launch_token", async () => {
          const made = await launchTokens.create(by, request);
          telemetry.count("launch_tokens_created", {});
          return made;
        }),
    },
    workers: {
      ...workers,
      register: (request) =>
        timed("register", async () => {
          try {
            const made = await workers.register(request);
            telemetry.count("registrations", { status: "success" });
            issued("agent");
            return made;
          } catch (error) {
            telemetry.count("registrations", { status: "failure" });
            throw error;
          }
        }),
      renew: (by) =>
        timed("renew", async () => {
          const token = await workers.renew(by);
          issued("renewed");
          return token;
        }),
      release: (by) =>
        timed("release", async () => {
          await workers.release(by);
          telemetry.count("tokens_revoked", { level: "release" });
        }),
      delegate: (by, request) =>
        timed("delegate", async () => {
          const made = await workers.delegate(by, request);
          issued("delegated");
          return made;
        }),
    },
    async adminToken() {
      const token = await timed("admin_token", () => broker.adminToken());
      issued("admin");
      return token;
    },
    async operatorToken(secret) {
      const token = await timed("admin_token", () => broker.operatorToken(secret));
      if (token) issued("admin");
      return token;
    },
    async verify(token) {
      try {
        const caller = await broker.verify(token);
        telemetry.count("validations", { outcome: "valid" });
        return caller;
      } catch (error) {
        telemetry.count("validations", { outcome: "invalid" });
        throw error;
      }
    },
    revoke: (by, request) =>
      timed("revoke", async () => {
        const ended = await broker.revoke(by, request);
        telemetry.count("tokens_revoked", { level: request.level }, ended.count);
        return ended;
      }),
  };
}
