/** A deactivated agent, app or worker mints nothing more, by whatever way it got its tokens before. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isDeputizeError } from "@deputize/core";
import { type AgentsWorld, AUDIENCE, ISSUER, openAgentsWorld } from "../testing/agents-world.ts";
import { type TestBroker, openTestBroker } from "../testing/test-broker.ts";

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type";
const TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token";

describe("a registered agent that was deactivated mints nothing [AA-D03] [AA-D04]", () => {
  let the: AgentsWorld;
  beforeAll(async () => {
    the = await openAgentsWorld();
  });
  afterAll(() => the.close());

  const form = async (
    fields: Record<string, string>,
    basic?: { id: string; key: string },
  ): Promise<number> => {
    const response = await the.world.app.request(`${ISSUER}/oauth/token`, {
      method: "POST",
      body: new URLSearchParams(fields),
      headers: {
        host: "localhost:3000",
        "x-test-source": the.source(),
        ...(basic && {
          authorization: `Basic ${Buffer.from(`${basic.id}:${basic.key}`).toString("base64")}`,
        }),
      },
    });
    return response.status;
  };

  interface Live {
    readonly id: string;
    readonly key: string;
    readonly access: string;
    readonly refresh: string;
  }

  async function live(): Promise<Live> {
    const agent = await the.agent("read_weather");
    const reply = await the.login(agent.key);
    expect(reply.status).toBe(200);
    return {
      id: agent.id,
      key: agent.key,
      access: reply.body.access_token,
      refresh: reply.body.refresh_token,
    };
  }

  const WAYS: Record<string, (agent: Live) => Promise<number>> = {
    "its key": async ({ key }) => (await the.login(key)).status,
    "client credentials by HTTP Basic": ({ id, key }) =>
      form({ grant_type: "client_credentials", audience: ISSUER }, { id, key }),
    "client credentials in the form": ({ id, key }) =>
      form({ grant_type: "client_credentials", audience: ISSUER, client_id: id, client_secret: key }),
    "its refresh token": async ({ refresh }) => (await the.refresh(refresh)).status,
    "its refresh token at the token endpoint": ({ id, key, refresh }) =>
      form({ grant_type: "refresh_token", refresh_token: refresh }, { id, key }),
    "its refresh token as a person's": async ({ refresh }) =>
      (
        await the.world
          .visitor({ source: the.source() })
          .send("POST", "/api/auth/refresh", { refresh_token: refresh })
      ).status,
    "exchanging its own token": ({ id, key, access }) =>
      form(
        {
          grant_type: `${GRANT_TYPE}:token-exchange`,
          subject_token: access,
          subject_token_type: TOKEN_TYPE,
          audience: AUDIENCE.orders,
        },
        { id, key },
      ),
    "its token as an actor's proof": async ({ access }) => {
      const person = await the.world.signIn("alice", "api", the.source());
      return form({
        grant_type: `${GRANT_TYPE}:token-exchange`,
        subject_token: person.token ?? "",
        subject_token_type: TOKEN_TYPE,
        actor_token: access,
        actor_token_type: TOKEN_TYPE,
        audience: AUDIENCE.orders,
      });
    },
    "a new key by its token": async ({ id, access }) => {
      const self = the.world.visitor({ source: the.source() });
      self.token = access;
      return (await self.send("POST", `/agents/${id}/keys`, {})).status;
    },
    "registering another by its token": async ({ access }) => {
      const self = the.world.visitor({ source: the.source() });
      self.token = access;
      const body = { agent_name: "Heir", owner_email: "ada@example.com" };
      return (await self.send("POST", "/agents/register", body)).status;
    },
    "deciding an approval by its token": async ({ access }) => {
      const self = the.world.visitor({ source: the.source() });
      self.token = access;
      const path = "/api/approvals/0198b1c2-0000-7000-8000-000000000001/decide";
      return (await self.send("POST", path, { decision: "approve" })).status;
    },
  };

  const ENDS: Record<string, (agent: Live) => Promise<{ status: number }>> = {
    suspended: ({ id }) => the.ada.send("POST", `/agents/${id}/suspend`),
    removed: ({ id }) => the.ada.send("DELETE", `/agents/${id}`),
  };

  it.each(Object.keys(ENDS))("when it was %s, whichever way it tries", async (how) => {
    const agent = await live();
    expect(await the.stands(agent.access)).toBe(true);
    const ended = await ENDS[how]?.(agent);
    expect([200, 204]).toContain(ended?.status);
    expect(await the.stands(agent.access)).toBe(false);
    const answers: Record<string, number> = {};
    for (const [way, attempt] of Object.entries(WAYS)) answers[way] = await attempt(agent);
    for (const [way, status] of Object.entries(answers)) {
      expect([400, 401, 403, 404], `${way}: ${status}`).toContain(status);
    }
    const { rows } = await the.world.store.ownerQuery(
      "SELECT id FROM authority.grants WHERE actor = $1 AND state = 'active'",
      [agent.id],
    );
    expect(rows).toEqual([]);
  });

  it("and of these ways the agent's own worked before, so that the refusals are for that reason", async () => {
    for (const way of ["its key", "client credentials by HTTP Basic", "its refresh token"]) {
      expect(await WAYS[way]?.(await live()), way).toBe(200);
    }
  });

  it("nor does one whose token was in flight: the child it asked for is not made", async () => {
    const agent = await live();
    const verified = await the.world.tokens.read(agent.access);
    await ENDS["suspended"]?.(agent);
    const request = { exchanger: verified.caller.subject, audiences: [AUDIENCE.orders] };
    await expect(the.world.exchange.token(verified, request)).rejects.toSatisfy((e) => isDeputizeError(e));
    const grant = { tenant: "default", id: verified.caller.grants.at(-1)! };
    await expect(
      the.world.store.transaction("authority", (tx) => the.world.grants.renew(tx, grant, 60)),
    ).rejects.toMatchObject({ code: "grant_revoked" });
  });
});

describe("a worker or app that was deactivated mints nothing [AW-D06] [AW-D12]", () => {
  let the: TestBroker;
  beforeAll(async () => {
    the = await openTestBroker();
  });
  afterAll(() => the.close());

  const codeOf = async (work: () => Promise<unknown>): Promise<string> => {
    try {
      await work();
      return "done";
    } catch (error) {
      if (!isDeputizeError(error)) throw error;
      return error.code;
    }
  };

  it.each(["agent", "token", "task", "chain", "app", "tenant", "deregistered"] as const)(
    "revoked by its %s",
    async (level) => {
      const own = level === "tenant" ? await openTestBroker() : the;
      const task = `task-${level}`;
      const app = await own.app();
      const worker = await own.worker(app, { task });
      const helper = await own.worker(app, { task: `${task}-helper` });
      const waiting = await own.registration(app);
      if (level === "deregistered") await own.broker.apps.deregister(own.admin, app.appId);
      else {
        const target = {
          agent: worker.agentId,
          token: worker.caller.jti,
          task,
          chain: worker.agentId,
          app: app.appId,
          tenant: "default",
        }[level];
        const named = level === "task" && { appId: app.appId };
        const { count } = await own.broker.revoke(own.admin, { level, target, ...named });
        expect(count).toBeGreaterThanOrEqual(1);
      }
      expect(await own.stands(worker.token)).toBe(false);
      const { workers, launchTokens } = own.broker;
      const ofTheApp = ["app", "deregistered", "tenant"].includes(level);
      const ways: Record<string, () => Promise<unknown>> = {
        renew: () => workers.renew(worker.caller),
        delegate: () =>
          workers.delegate(worker.caller, { delegateTo: helper.agentId, scope: ["read:data:*"] }),
        ...(level !== "token" && {
          "being delegated to": () =>
            workers.delegate(helper.caller, { delegateTo: worker.agentId, scope: ["read:data:*"] }),
        }),
        ...(ofTheApp && {
          "launching with its old token": () =>
            launchTokens.create(app.caller, { agentName: "w", allowedScope: ["read:data:*"] }),
          "redeeming a launch token from before": () => workers.register(waiting),
        }),
        // Revoking ends what was granted; only deregistering bars the app from coming back.
        ...(level === "deregistered" && { "signing in": () => own.broker.apps.signIn(app) }),
      };
      const answers: string[] = [];
      for (const [way, attempt] of Object.entries(ways)) answers.push(`${way}: ${await codeOf(attempt)}`);
      for (const answer of answers) {
        expect(answer).toMatch(
          /: (invalid_token|grant_revoked|forbidden|not_found|invalid_credentials|unauthenticated)$/,
        );
      }
      if (own !== the) await own.close();
    },
  );
});
