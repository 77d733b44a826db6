/**
 * One call of a tool, resource or prompt, after it was admitted (admission.ts): validate input → argument policy →
 * approval if needed → handler under its timeout → check the answer → audit.
 *
 * Guarantees: every path through here ends in exactly one audit entry (PR-D07); an effect's entry is the one
 * that committed with it. What a handler throws never reaches the caller. A handler that comes back late finds
 * its database closed (SR-16).
 * Does not: stop a handler's own code; what it does outside of `ctx` is its author's affair.
 */
import type { AuditEvent } from "@deputize/audit";
import { DeputizeError, actingPrincipal } from "@deputize/core";
import type { Tx } from "@deputize/store";
import { type InputRequiredResult, isInputRequiredResult } from "@modelcontextprotocol/server";
import { type ApprovalRequest, type Preview, digestOf, needsApproval, previewDigestOf } from "./approval.ts";
import { checkArguments } from "./argument-guards.ts";
import { redactArguments } from "./audit-sink.ts";
import type { CaseUse, ClientInput, LegacyRequests, ToolContext } from "./context.ts";
import { type CallDatabase, callDatabase } from "./database.ts";
import type { Definition } from "./definition.ts";
import { type ResultLabel, labelFor } from "./labels.ts";
import type { CallLogLine } from "./middleware.ts";
import { isContentResult, safeError } from "./results.ts";
import { sessionState } from "./session-state.ts";
import { type CallServices, type Visit, appendEntry, auditUnavailable, eventOf } from "./visit.ts";

/** The protocol's side of a call. */
export interface CallWire {
  readonly signal: AbortSignal;
  readonly input: ClientInput;
  readonly legacy: LegacyRequests;
  progress(progress: number, total?: number, message?: string): Promise<void>;
  log(level: string, message: unknown): Promise<void>;
}

/** The pending approval as the answer shows it. */
export interface WaitingApproval {
  readonly id: string;
  readonly tool: string;
  readonly summary: string;
  readonly arguments: readonly { readonly name: string; readonly value: unknown; readonly source: string }[];
  readonly amount?: number;
  readonly status: "pending";
  readonly expires: string;
  readonly created: string;
  readonly conversation_id?: string;
}

export type CallOutcome = { readonly entryId: string | undefined; readonly label: ResultLabel } & (
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "waiting"; readonly approval: WaitingApproval }
  | { readonly kind: "input_required"; readonly result: InputRequiredResult }
  | { readonly kind: "error"; readonly error: DeputizeError }
);

const DEFAULT_TIMEOUT_MS = 30_000;
/** Performs an admitted call to its end. Never throws. */
export async function performCall(
  services: CallServices,
  visit: Visit,
  definition: Definition,
  wire: CallWire,
): Promise<CallOutcome> {
  const call = new Call(services, visit, definition, wire);
  return call.perform();
}

class Call {
  readonly #services: CallServices;
  readonly #visit: Visit;
  readonly #definition: Definition;
  readonly #wire: CallWire;
  readonly #startedMs: number;
  readonly #timeoutMs: number;
  readonly #abort = new AbortController();
  readonly #label: ResultLabel;
  readonly #database: CallDatabase;
  #args: Record<string, unknown> = {};
  #validated = false;
  #argsDigest = "";
  #mustApprove = false;
  readonly #cases: CaseUse[] = [];

  constructor(services: CallServices, visit: Visit, definition: Definition, wire: CallWire) {
    this.#services = services;
    this.#visit = visit;
    this.#definition = definition;
    this.#wire = wire;
    this.#startedMs = services.clock.monotonicMs();
    this.#timeoutMs = this.#timeout();
    this.#label = labelFor(definition.reads, visit.caller, `${services.server}/${definition.name}`);
    this.#database = callDatabase({
      store: services.store,
      caller: visit.caller,
      clock: services.clock,
      deadlineMs: this.#startedMs + this.#timeoutMs,
      signal: this.#abort.signal,
      beforeWork: (tx) => this.#spendApproval(tx),
      record: (tx) => this.#record(tx),
    });
  }

  async perform(): Promise<CallOutcome> {
    let outcome: CallOutcome;
    try {
      outcome = await this.#underTimeout();
    } catch (error) {
      outcome = await this.#failure(error);
    }
    this.#log(outcome);
    return outcome;
  }

  async #underTimeout(): Promise<CallOutcome> {
    const timer = setTimeout(() => {
      this.#abort.abort(new DeputizeError("timeout", "the call ran out of time; nothing was changed"));
    }, this.#timeoutMs);
    const leave = () =>
      this.#abort.abort(new DeputizeError("timeout", "the client went away; nothing was changed"));
    this.#wire.signal.addEventListener("abort", leave, { once: true });
    if (this.#wire.signal.aborted) leave();
    const aborted = Promise.withResolvers<never>();
    this.#abort.signal.addEventListener("abort", () => aborted.reject(this.#abort.signal.reason), {
      once: true,
    });
    if (this.#abort.signal.aborted) aborted.reject(this.#abort.signal.reason);
    const work = this.#steps();
    work.catch(() => undefined); // A late failure was answered already.
    aborted.promise.catch(() => undefined);
    try {
      return await Promise.race([work, aborted.promise]);
    } finally {
      clearTimeout(timer);
      this.#wire.signal.removeEventListener("abort", leave);
      // Whatever the handler still tries, its database is closed from here on.
      this.#abort.abort(new DeputizeError("timeout", "the call has ended"));
    }
  }

  async #steps(): Promise<CallOutcome> {
    this.#validate();
    await this.#checkArguments();
    const asked = await this.#askIfNeeded();
    if (asked) return asked;
    const answer = await this.#handle();
    this.#abort.signal.throwIfAborted();
    if (isInputRequiredResult(answer)) {
      if (this.#database.state() !== "none")
        throw new DeputizeError("internal", "ask for input before the effect, not after");
      const entryId = await this.#append({ outcome: "info", reason: "input_required" });
      return { kind: "input_required", result: answer, entryId, label: this.#label };
    }
    if (this.#mustApprove && this.#database.state() !== "committed") {
      throw new DeputizeError("internal", "an approved call must do its work inside of `ctx.db.write`");
    }
    const value = this.#checkAnswer(answer);
    const entryId =
      this.#database.state() === "committed"
        ? this.#closeCommitted()
        : await this.#append({ outcome: "allowed" });
    return { kind: "done", value, entryId, label: this.#label };
  }

  #validate(): void {
    const parsed = this.#definition.input.safeParse(this.#rawArguments());
    if (!parsed.success) {
      const problems = parsed.error.issues.slice(0, 8).map((issue) => ({
        field: issue.path.join(".").slice(0, 128) || "arguments",
        problem: issue.message.slice(0, 200),
      }));
      const text = problems.map((p) => `${p.field}: ${p.problem}`).join("; ");
      throw new DeputizeError("validation_failed", `the arguments are not valid: ${text}`, {
        detail: { problems },
      });
    }
    this.#args = parsed.data;
    try {
      this.#argsDigest = digestOf(this.#args);
    } catch (cause) {
      throw new DeputizeError("validation_failed", "the arguments hold text that is not valid Unicode", {
        cause,
      });
    }
    this.#validated = true;
  }

  #rawArguments(): Readonly<Record<string, unknown>> {
    const { operation } = this.#visit;
    const { resource } = this.#definition;
    if (operation.kind !== "resource" || !resource) return operation.args;
    const variables = resource.template?.match(operation.target) ?? {};
    return {
      uri: operation.target,
      variables: Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, String(value)])),
    };
  }

  async #checkArguments(): Promise<void> {
    const { caller, client } = this.#visit;
    await checkArguments(this.#definition.argumentGuards, {
      args: this.#args,
      caller,
      client,
      db: this.#database.reader,
    });
  }

  async #askIfNeeded(): Promise<CallOutcome | undefined> {
    const { effect, exempt } = this.#definition;
    const { notes } = this.#visit.operation;
    const approved = notes.approvalId !== undefined && effect !== "read" && exempt === undefined;
    this.#mustApprove = approved || needsApproval(effect, exempt, notes.integrity);
    return this.#mustApprove && !approved ? this.#ask() : undefined;
  }

  async #ask(): Promise<CallOutcome> {
    const { approvals, clock } = this.#services;
    const { caller, operation } = this.#visit;
    if (!approvals) throw new DeputizeError("config_invalid", "this server has nobody to ask for approval");
    const preview = await this.#database.reader.read((tx) => this.#preview(tx));
    this.#abort.signal.throwIfAborted();
    const { notes } = operation;
    const request: ApprovalRequest = {
      callId: this.#callId(),
      tool: this.#definition.name,
      agent: actingPrincipal(caller),
      args: this.#args,
      argsDigest: this.#argsDigest,
      preview,
      previewDigest: previewDigestOf(this.#definition.name, preview),
      summary: preview.summary,
      ttlSeconds: this.#definition.approvalTtlSeconds,
      ...(preview.amountCents !== undefined && { amountCents: preview.amountCents }),
      ...(notes.runId && { runId: notes.runId }),
      ...(notes.conversationId && { conversationId: notes.conversationId }),
      ...(notes.argumentSources && { argumentSources: notes.argumentSources }),
    };
    const pending = await approvals.request(caller, request);
    const approval: WaitingApproval = {
      id: pending.id,
      tool: this.#definition.name,
      summary: preview.summary,
      arguments:
        pending.arguments ??
        Object.entries(this.#args).map(([name, value]) => ({
          name,
          value,
          source: sourceOf(notes.argumentSources?.[name]),
        })),
      ...(preview.amountCents !== undefined && { amount: preview.amountCents }),
      status: "pending",
      expires: new Date(pending.expiresAt).toISOString(),
      created: new Date(pending.createdAt ?? clock.nowMs()).toISOString(),
      ...(notes.conversationId && { conversation_id: notes.conversationId }),
    };
    const entryId = await this.#append({
      outcome: "info",
      reason: "approval_required",
      approval: pending.id,
    });
    return { kind: "waiting", approval, entryId, label: this.#label };
  }

  async #preview(tx: Tx): Promise<Preview> {
    const { caller, client } = this.#visit;
    if (this.#definition.preview) return this.#definition.preview(this.#args, tx, { caller, client });
    const shown = JSON.stringify(this.#args);
    return {
      summary: `${this.#definition.title ?? this.#definition.name}: ${shown.length > 400 ? `${shown.slice(0, 400)}…` : shown}`,
    };
  }

  /** First in the effect's transaction: what the person saw must still be what will happen (SR-15). */
  async #spendApproval(tx: Tx): Promise<void> {
    if (!this.#mustApprove) return;
    const { approvals } = this.#services;
    const { approvalId } = this.#visit.operation.notes;
    if (!approvals || !approvalId)
      throw new DeputizeError("approval_required", "a person must agree to this call first");
    const preview = await this.#preview(tx);
    await approvals.consume(tx, this.#visit.caller, {
      approvalId,
      callId: this.#callId(),
      tool: this.#definition.name,
      argsDigest: this.#argsDigest,
      previewDigest: previewDigestOf(this.#definition.name, preview),
    });
  }

  async #record(tx: Tx): Promise<string> {
    try {
      return await this.#services.audit.record(tx, this.#event({ outcome: "allowed" }));
    } catch (cause) {
      throw auditUnavailable(cause);
    }
  }

  async #handle(): Promise<unknown> {
    const context = this.#context();
    const layers = [...this.#services.middleware(), ...this.#definition.middleware].filter(
      (m) => m.kind === "handler",
    );
    const call = { name: this.#definition.name, effect: this.#definition.effect, context };
    const inner = async (): Promise<unknown> => this.#definition.run(this.#args, context);
    const chain = layers.reduceRight<() => Promise<unknown>>(
      (next, layer) => () => layer.around(call, next),
      inner,
    );
    return chain();
  }

  #context(): ToolContext {
    const { caller, client, requestId, session } = this.#visit;
    const { services, wire } = { services: this.#services, wire: this.#wire };
    return Object.freeze({
      client,
      clientId: client.clientId,
      caller,
      requestId,
      tool: this.#definition.name,
      signal: this.#abort.signal,
      db: (this.#definition.effect === "read"
        ? this.#database.reader
        : this.#database.writer) as ToolContext["db"],
      session: sessionState({
        ephemeral: services.ephemeral,
        server: services.server,
        caller,
        session,
        ...(services.sessionTtlMs !== undefined && { ttlMs: services.sessionTtlMs }),
      }),
      input: wire.input,
      legacy: wire.legacy,
      caseUsed: (used: CaseUse) => void this.#cases.push(used),
      progress: wire.progress,
      log: wire.log,
    });
  }

  /** The answer within its declared shape and size. */
  #checkAnswer(answer: unknown): unknown {
    let value = answer;
    if (this.#definition.kind === "tool" && !isContentResult(answer)) {
      if (typeof answer !== "object" || answer === null || Array.isArray(answer)) {
        throw new DeputizeError("internal", "a tool returns a JSON object");
      }
      if (this.#definition.output) value = this.#definition.output.parse(answer);
    }
    const bytes = Buffer.byteLength(JSON.stringify(value) ?? "");
    if (bytes > this.#services.maxResultBytes) {
      throw new DeputizeError("limit_exceeded", "the answer is too large; ask for less");
    }
    return value;
  }

  async #failure(thrown: unknown): Promise<CallOutcome> {
    await this.#database.settled();
    const state = this.#database.state();
    let error = safeError(thrown);
    if (state === "committed") {
      const entryId = this.#closeCommitted();
      error = new DeputizeError(error.code, "the change was made, but its answer could not be given", {
        cause: thrown,
      });
      return { kind: "error", error, entryId, label: this.#label };
    }
    // The change is not what the person saw: nothing happened, and they are asked about what it is now (SR-15).
    if (!this.#visit.closed && (await this.#changedSinceApproval(error))) {
      const asked = await this.#askAgain();
      if ("kind" in asked) return asked;
      error = asked.error;
    }
    try {
      const outcome = error.status < 500 && error.code !== "config_invalid" ? "refused" : "failed";
      const reason = state === "unknown" ? "commit_unknown" : error.code;
      const entryId = await this.#append({ outcome, reason });
      return { kind: "error", error, entryId, label: this.#label };
    } catch (unaudited) {
      return { kind: "error", error: auditUnavailable(unaudited), entryId: undefined, label: this.#label };
    }
  }

  async #changedSinceApproval(error: DeputizeError): Promise<boolean> {
    if (error.code === "approval_changed") return true;
    const { approvalId } = this.#visit.operation.notes;
    const gate = this.#services.approvals;
    if (error.code !== "approval_invalid" || !approvalId || !gate?.stillApproved) return false;
    return gate.stillApproved(this.#visit.caller, approvalId).catch(() => false);
  }

  async #askAgain(): Promise<CallOutcome | { readonly error: DeputizeError }> {
    const retry = new Call(this.#services, this.#visit, this.#definition, this.#wire);
    retry.#args = this.#args;
    retry.#validated = true;
    retry.#argsDigest = this.#argsDigest;
    try {
      return await retry.#ask();
    } catch (error) {
      return { error: safeError(error) };
    }
  }

  #closeCommitted(): string | undefined {
    this.#visit.closed ??= { entryId: this.#database.entryId() };
    return this.#visit.closed.entryId;
  }

  async #append(rest: Pick<AuditEvent, "outcome" | "reason" | "approval">): Promise<string | undefined> {
    if (this.#visit.closed) return this.#visit.closed.entryId;
    const entryId = await appendEntry(this.#services.audit, this.#event(rest));
    this.#visit.closed = { entryId };
    return entryId;
  }

  #event(rest: Pick<AuditEvent, "outcome" | "reason" | "approval">): AuditEvent {
    const { notes } = this.#visit.operation;
    const [first, ...more] = this.#cases;
    return eventOf(this.#services, this.#visit, {
      ...rest,
      ...(this.#mustApprove && notes.approvalId && { approval: notes.approvalId }),
      ...(rest.approval && { approval: rest.approval }),
      ...(first && {
        case: { id: first.id, purpose: first.purpose },
        about: [...new Set(this.#cases.map(({ about }) => about))],
      }),
      ...(this.#validated && { args: boundedArguments(this.#args, this.#definition.redact) }),
      durationMs: Math.max(0, Math.round(this.#services.clock.monotonicMs() - this.#startedMs)),
      detail: {
        effect: this.#definition.effect,
        guards: this.#definition.guards.map((g) => g.name),
        ...(this.#validated && { args_digest: this.#argsDigest }),
        ...(this.#definition.exempt && { exempt: this.#definition.exempt }),
        ...(more.length > 0 && { cases: more.map(({ id, purpose }) => ({ id, purpose })) }),
      },
    });
  }

  #callId(): string {
    return this.#visit.operation.notes.callId ?? this.#visit.requestId;
  }

  #timeout(): number {
    const configured = [...this.#services.middleware(), ...this.#definition.middleware].filter(
      (m) => m.kind === "timeout",
    );
    return this.#definition.timeoutMs ?? configured.at(-1)?.defaultMs ?? DEFAULT_TIMEOUT_MS;
  }

  #log(outcome: CallOutcome): void {
    const refused = outcome.kind === "error" && outcome.error.status < 500;
    const line: CallLogLine = {
      server: this.#services.server,
      kind: this.#definition.kind,
      name: this.#definition.name,
      requestId: this.#visit.requestId,
      outcome:
        outcome.kind === "error"
          ? refused
            ? "refused"
            : "failed"
          : outcome.kind === "done"
            ? "allowed"
            : "waiting",
      durationMs: this.#services.clock.monotonicMs() - this.#startedMs,
      ...(outcome.entryId && { entryId: outcome.entryId }),
      ...(outcome.kind === "error" && { code: outcome.error.code, cause: outcome.error.cause }),
    };
    for (const middleware of [...this.#services.middleware(), ...this.#definition.middleware]) {
      if (middleware.kind !== "logging") continue;
      try {
        middleware.write(line);
      } catch {
        // A log that fails is no reason to fail a call.
      }
    }
  }
}

/** Arguments for the log, or only their size when they are large even after redaction. */
function boundedArguments(args: Record<string, unknown>, redact: readonly string[]): unknown {
  const redacted = redactArguments(args, redact);
  const bytes = Buffer.byteLength(JSON.stringify(redacted));
  return bytes > 8192 ? { omitted_bytes: bytes } : redacted;
}

function sourceOf(source: string | undefined): "you" | "your data" | "other" {
  return source === "you" || source === "your data" ? source : "other";
}
