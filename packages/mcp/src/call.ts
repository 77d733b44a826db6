/**
 * One call of a tool, resource or prompt, after it was admitted (admission.ts): validate input → argument policy →
 * approval if needed → result cache → handler under its timeout (handler.ts) → shape, redact and limit the answer
 * (answer.ts) → audit.
 *
 * Guarantees: every path through here ends in exactly one audit entry (PR-D07); an effect's entry is the one
 * that committed with it. What a handler throws never reaches the caller. A handler that comes back late finds
 * its database closed (SR-16).
 * Does not: stop a handler's own code; what it does outside of `ctx` is its author's affair.
 */
import { type AuditEvent, auditEvent } from "@deputize/audit";
import { DeputizeError, assertWithinConstraints, isUuid, telemetry } from "@deputize/core";
import type { Tx } from "@deputize/store";
import { type InputRequiredResult, isInputRequiredResult } from "@modelcontextprotocol/server";
import { finishAnswer } from "./answer.ts";
import { argumentsDigest } from "./approval.ts";
import { ApprovalStep, type WaitingApproval } from "./approval-step.ts";
import { checkArguments } from "./argument-guards.ts";
import { loggedReasons } from "./call-flow.ts";
import { redactArguments } from "./audit-sink.ts";
import { AfterList } from "./background.ts";
import { callContext } from "./call-context.ts";
import { type CallNames, reportCall } from "./call-report.ts";
import type { CaseUse, ClientInput, LegacyRequests, ReadDatabase } from "./context.ts";
import { type CallDatabase, callDatabase } from "./database.ts";
import type { Definition } from "./definition.ts";
import { type ResultLabel, labelFor } from "./labels.ts";
import { runHandler } from "./handler.ts";
import type { CacheLook } from "./middleware/cache.ts";
import { type CallLogLine, writeLine } from "./middleware/logging.ts";
import { type Middleware, ofKind } from "./middleware/middleware.ts";
import { redact, redactTexts } from "./middleware/redaction.ts";
import { DEFAULT_TIMEOUT_MS } from "./middleware/timeout.ts";
import { onlyOnce } from "./once.ts";
import { Dependencies } from "./provide.ts";
import type { ResultBasis } from "./result-basis.ts";
import { type ContentResult, contentResult, isContentResult } from "./results.ts";
import { CallSecrets } from "./secrets/call-secrets.ts";
import { type CallServices, type Visit, appendEntry, auditUnavailable, eventOf } from "./visit.ts";

/** The protocol's side of a call. */
export interface CallWire {
  readonly signal: AbortSignal;
  readonly input: ClientInput;
  readonly legacy: LegacyRequests;
  progress(progress: number, total?: number, message?: string): Promise<void>;
  log(level: string, message: unknown): Promise<void>;
}

export type CallOutcome = { readonly entryId: string | undefined; readonly label: ResultLabel } & (
  | { readonly kind: "done"; readonly value: unknown; readonly basis: ResultBasis }
  | { readonly kind: "waiting"; readonly approval: WaitingApproval }
  | { readonly kind: "input_required"; readonly result: InputRequiredResult }
  | { readonly kind: "error"; readonly error: DeputizeError }
);

/** What a handler hears that goes on after its call has ended. Made once: an error costs a walk of the stack. */
const ENDED = new DeputizeError("timeout", "the call has ended");
/** Performs an admitted call to its end. Never throws. */
export async function performCall(
  services: CallServices,
  visit: Visit,
  definition: Definition,
  wire: CallWire,
): Promise<CallOutcome> {
  const call = new Call(services, visit, definition, wire);
  const { kind, name } = definition;
  return telemetry.span(
    `mcp.${kind}`,
    { "mcp.server": services.server, "mcp.target": name },
    () => call.perform(),
    visit.operation.notes.traceparent ?? telemetry.inbound(),
  );
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
  readonly #approval: ApprovalStep;
  readonly #cases: CaseUse[] = [];
  readonly #layers: readonly Middleware[];
  readonly #after = new AfterList();
  readonly #secrets: CallSecrets;
  readonly #secretNames = new Set<string>();
  readonly #dependencies = new Dependencies();
  /** The client left before its answer. */
  #left = false;
  #cached = false;
  /** The answer rests on more than its cache key says. */
  #restsOnMore = false;
  #validUntilMs = Number.POSITIVE_INFINITY;

  constructor(services: CallServices, visit: Visit, definition: Definition, wire: CallWire) {
    this.#services = services;
    this.#visit = visit;
    this.#definition = definition;
    this.#wire = wire;
    this.#layers = [...services.middleware(), ...definition.middleware];
    this.#startedMs = services.clock.monotonicMs();
    this.#timeoutMs = this.#timeout();
    this.#secrets = new CallSecrets({
      sources: services.secrets,
      caller: visit.caller,
      clock: services.clock,
      onUse: (name) => this.#secretUsed(name),
    });
    this.#approval = new ApprovalStep({
      services,
      visit,
      definition,
      input: wire.input,
      shown: (value) => this.#shown(value),
      args: () => ({ values: this.#args, digest: this.#argsDigest }),
    });
    this.#label = labelFor(definition.reads, visit.caller, `${services.server}/${definition.name}`);
    this.#database = callDatabase({
      store: services.store,
      caller: visit.caller,
      clock: services.clock,
      dataTags: definition.dataTags,
      deadlineMs: this.#startedMs + this.#timeoutMs,
      signal: this.#abort.signal,
      beforeWork: (tx) => this.#beforeEffect(tx),
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
    this.#secrets.close();
    // Before the answer, so that whoever wrote reads what they wrote.
    if (["committed", "unknown"].includes(this.#database.state()))
      await this.#services.results.forget(this.#visit.caller.tenant);
    this.#report(outcome);
    return outcome;
  }

  async #underTimeout(): Promise<CallOutcome> {
    const timer = setTimeout(() => {
      this.#abort.abort(new DeputizeError("timeout", "the call ran out of time; nothing was changed"));
    }, this.#timeoutMs);
    const leave = () => {
      this.#left = true;
      this.#abort.abort(new DeputizeError("timeout", "the client went away; nothing was changed"));
    };
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
      // Whatever the handler still tries, its database and its secrets are closed from here on.
      this.#abort.abort(ENDED);
      this.#secrets.stop();
    }
  }

  async #steps(): Promise<CallOutcome> {
    this.#validate();
    await this.#checkArguments();
    if (await this.#approval.mustAsk(this.#database.reader)) return this.#ask(this.#database.reader);
    const look = await this.#look();
    if (look?.hit) return this.#answerFromCache(look.hit);
    // What a handler does outside of its transaction would be done by the time that the yes is spent. The transaction says why it is none.
    if (!(await this.#approval.mayBegin(this.#database.reader)))
      await this.#database.writer.write(async () => {
        throw new DeputizeError("approval_invalid", "no person's yes stands for this call");
      });
    // What only sends has its effect outside: the yes is spent, and the intent on record, before it does.
    if (this.#approval.mustApprove && this.#definition.effect === "read")
      await this.#database.writer.write(async () => undefined);
    const answer = this.#masked(await this.#handle());
    this.#abort.signal.throwIfAborted();
    if (isInputRequiredResult(answer)) {
      if (this.#database.state() !== "none")
        throw new DeputizeError("internal", "ask for input before the effect, not after");
      const entryId = await this.#append({ outcome: "info", reason: "input_required" });
      const inputRequests = redactTexts(this.#layers, answer.inputRequests);
      const result = { ...answer, ...(inputRequests && { inputRequests }) };
      return { kind: "input_required", result, entryId, label: this.#label };
    }
    if (this.#approval.mustApprove && this.#database.state() !== "committed") {
      throw new DeputizeError("internal", "an approved call must do its work inside of `ctx.db.write`");
    }
    const value = finishAnswer(this.#definition, this.#layers, this.#services.maxResultBytes, answer);
    const entryId =
      this.#database.state() === "committed"
        ? this.#closeCommitted()
        : await this.#append({ outcome: "allowed" });
    const basis = this.#basis();
    if (look && !this.#restsOnMore && this.#cases.length === 0)
      void look.keep({ value, content: isContentResult(value), label: this.#label, basis });
    return { kind: "done", value, entryId, label: this.#label, basis };
  }

  /** An answer without the secrets that made it. */
  #masked(answer: unknown): unknown {
    if (!this.#secrets.touched) return answer;
    const masked = this.#secrets.mask(answer);
    return isContentResult(answer) ? contentResult(masked as ContentResult) : masked;
  }

  /** Each use is on record before it happens: in this call's entry, or, when that is written, in one of its own. */
  async #secretUsed(name: string): Promise<void> {
    this.#secretNames.add(name);
    if (!this.#visit.closed && ["none", "open"].includes(this.#database.state())) return;
    const { caller, requestId } = this.#visit;
    await appendEntry(
      this.#services.audit,
      auditEvent(caller, {
        action: "secret.use",
        outcome: "allowed",
        resource: `${this.#services.server}/${this.#definition.name}`,
        requestId,
        detail: { secret: name },
      }),
    );
  }

  /** Looks for a kept result: here and no earlier, for every check has passed. */
  async #look(): Promise<CacheLook | undefined> {
    const { cache } = this.#definition;
    const { operation } = this.#visit;
    if (!cache || operation.kind === "completion" || this.#wire.input.responses) return undefined;
    return this.#services.results.look(this.#definition, cache, this.#visit, this.#argsDigest);
  }

  async #answerFromCache(hit: NonNullable<CacheLook["hit"]>): Promise<CallOutcome> {
    this.#cached = true;
    const value = hit.content ? contentResult(hit.value as ContentResult) : hit.value;
    const entryId = await this.#append({ outcome: "allowed" });
    return { kind: "done", value, entryId, label: hit.label, basis: hit.basis };
  }

  #holdsUntil(atMs: number): void {
    if (Number.isNaN(new Date(atMs).getTime()))
      throw new DeputizeError("internal", "`validUntil` takes a time in epoch milliseconds");
    this.#validUntilMs = Math.min(this.#validUntilMs, atMs);
  }

  #basis(): ResultBasis {
    const versions = this.#restsOnMore || this.#cases.length > 0 ? undefined : this.#database.versions();
    return {
      effect: this.#definition.effect === "read" ? "read" : "write",
      ...(versions && { versions }),
      ...(this.#validUntilMs < Number.POSITIVE_INFINITY && {
        validUntil: new Date(this.#validUntilMs).toISOString(),
      }),
    };
  }

  #validate(): void {
    const came = this.#rawArguments();
    const parsed = this.#definition.input.safeParse(came);
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
      this.#argsDigest = argumentsDigest(came, this.#args);
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
    const { server } = this.#services;
    const { kind, name, argumentGuards } = this.#definition;
    const args = (kind === "resource" ? this.#args["variables"] : this.#args) as Record<string, unknown>;
    assertWithinConstraints(caller, { server, tool: name, args });
    await checkArguments(argumentGuards, {
      args,
      caller,
      client,
      db: this.#database.reader,
      caseUsed: (used) => void this.#cases.push(used),
    });
  }

  async #beforeEffect(tx: Tx): Promise<void> {
    const { caller, operation } = this.#visit;
    const { once, callId } = operation.notes;
    if (once && callId !== undefined) await onlyOnce(tx, caller, { server: this.#services.server, callId });
    await this.#approval.spend(tx);
  }

  async #ask(reader: ReadDatabase): Promise<CallOutcome> {
    const { approval, link } = await this.#approval.ask(reader);
    const entryId = await this.#append({
      outcome: "info",
      reason: "approval_required",
      approval: approval.id,
    });
    return link
      ? { kind: "input_required", result: link, entryId, label: this.#label }
      : { kind: "waiting", approval, entryId, label: this.#label };
  }

  /** Asks once more about what the call is now. Its own time is over, so this has a reader of its own. */
  async #askAgain(): Promise<CallOutcome | { readonly error: DeputizeError }> {
    const { clock, store } = this.#services;
    const reader = callDatabase({
      store,
      caller: this.#visit.caller,
      clock,
      deadlineMs: clock.monotonicMs() + this.#timeoutMs,
      signal: this.#wire.signal,
      beforeWork: async () => {},
      record: (tx) => this.#record(tx),
    }).reader;
    try {
      return await this.#ask(reader);
    } catch (error) {
      return { error: this.#services.errors.safe(error) };
    }
  }

  async #record(tx: Tx): Promise<string> {
    try {
      return await this.#services.audit.record(tx, this.#event({ outcome: "allowed" }));
    } catch (cause) {
      throw auditUnavailable(cause);
    }
  }

  async #handle(): Promise<unknown> {
    const { clock, errors } = this.#services;
    return runHandler({
      definition: this.#definition,
      args: this.#args,
      context: callContext({
        services: this.#services,
        visit: this.#visit,
        definition: this.#definition,
        wire: this.#wire,
        signal: this.#abort.signal,
        database: this.#database,
        dependencies: this.#dependencies,
        secrets: this.#secrets,
        after: this.#after,
        caseUsed: (used) => void this.#cases.push(used),
        shown: (value) => this.#shown(value),
        saidInQuestions: (value) => redactTexts(this.#layers, this.#secrets.mask(value)),
        restsOnMore: () => void (this.#restsOnMore = true),
        validUntil: (atMs) => this.#holdsUntil(atMs),
      }),
      layers: this.#layers,
      dependencies: this.#dependencies,
      errors,
      clock,
      cancelled: () => this.#left,
      disposalFailed: (error) => this.#logLater("dispose", error),
    });
  }

  async #failure(thrown: unknown): Promise<CallOutcome> {
    await this.#database.settled();
    const state = this.#database.state();
    let error = this.#services.errors.safe(thrown);
    if (state === "committed") {
      const entryId = this.#closeCommitted();
      const what = this.#definition.effect === "read" ? "it may have been sent" : "the change was made";
      error = new DeputizeError(error.code, `${what}, but its answer could not be given`, {
        cause: this.#maskedCause(thrown),
      });
      return { kind: "error", error, entryId, label: this.#label };
    }
    // The change is not what the person saw: nothing happened, and they are asked about what it is now (SR-15).
    if (!this.#visit.closed && (await this.#approval.changedSince(error))) {
      const asked = await this.#askAgain();
      if ("kind" in asked) return asked;
      error = asked.error;
    }
    try {
      const outcome = error.status < 500 && error.code !== "config_invalid" ? "refused" : "failed";
      const reason = state === "unknown" ? "commit_unknown" : error.code;
      const entryId = await this.#append({ outcome, reason });
      return { kind: "error", error: this.#redacted(error), entryId, label: this.#label };
    } catch (unaudited) {
      return { kind: "error", error: auditUnavailable(unaudited), entryId: undefined, label: this.#label };
    }
  }

  /** What may be shown of a value, to the client and in the server's own log. */
  #shown<T>(value: T): T {
    return redact(this.#layers, this.#secrets.mask(value));
  }

  /** A refusal's text may quote what a handler read. */
  #redacted(error: DeputizeError): DeputizeError {
    const { message, detail } = this.#shown({ message: error.message, detail: error.detail });
    const cause = this.#maskedCause(error.cause);
    const unchanged = message === error.message && cause === error.cause;
    if (unchanged && JSON.stringify(detail) === JSON.stringify(error.detail)) return error;
    const { code, retryAfterSeconds } = error;
    return new DeputizeError(code, message, {
      ...(detail && { detail }),
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
      cause,
    });
  }

  /** Upstream systems like to quote the credential that they refuse. */
  #maskedCause(cause: unknown): unknown {
    if (!this.#secrets.touched) return cause;
    // What they were is forgotten by now, so it cannot be looked for.
    if (this.#secrets.closed) return new Error("left out: the call used secrets");
    if (!(cause instanceof Error)) return this.#secrets.mask(cause);
    const { name, message, stack } = cause;
    const masked = this.#secrets.mask({ name, message, stack });
    return Object.assign(new Error(masked.message), masked);
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
    const { exemption, presented, reasons } = this.#approval;
    const [first, ...more] = this.#cases;
    return eventOf(this.#services, this.#visit, {
      ...rest,
      ...(this.#approval.mustApprove && presented && { approval: presented }),
      ...(rest.approval && { approval: rest.approval }),
      ...(first && {
        case: { id: first.id, purpose: first.purpose },
        about: [...new Set(this.#cases.map(({ about }) => about))],
      }),
      ...(this.#validated && {
        args: boundedArguments(redact(this.#layers, this.#args), this.#definition.redact),
      }),
      durationMs: Math.max(0, Math.round(this.#services.clock.monotonicMs() - this.#startedMs)),
      detail: {
        effect: this.#approval.effect,
        guards: this.#definition.guards.map((g) => g.name),
        // Keyed: the digest of a short secret would be found by trying (SR-24).
        ...(this.#validated && { args_digest: this.#services.mac("audit arguments", this.#argsDigest) }),
        ...(this.#cached && { cached: true }),
        ...(exemption && { exempt: exemption }),
        ...(reasons.length > 0 && { flow: loggedReasons(reasons) }),
        ...(this.#secretNames.size > 0 && { secrets: [...this.#secretNames] }),
        ...(more.length > 0 && { cases: more.map(({ id, purpose }) => ({ id, purpose })) }),
      },
    });
  }

  #timeout(): number {
    const configured = ofKind(this.#layers, "timeout").at(-1)?.defaultMs;
    return this.#definition.timeoutMs ?? configured ?? DEFAULT_TIMEOUT_MS;
  }

  /** What follows the audit entry, which stands by now: log, counts, work after the answer. */
  #report(outcome: CallOutcome): void {
    const durationMs = this.#services.clock.monotonicMs() - this.#startedMs;
    reportCall(this.#layers, this.#names(), outcome, { durationMs, cached: this.#cached });
    const work = this.#after.take();
    if (outcome.kind === "done")
      this.#services.background.start(work, (error) => this.#logLater("after", error));
  }

  #logLater(stage: NonNullable<CallLogLine["stage"]>, thrown: unknown): void {
    const { code } = this.#services.errors.safe(thrown);
    const cause = this.#maskedCause(thrown);
    const durationMs = this.#services.clock.monotonicMs() - this.#startedMs;
    writeLine(this.#layers, { ...this.#names(), outcome: "failed", stage, code, durationMs, cause });
  }

  #names(): CallNames {
    const { kind, name } = this.#definition;
    const { requestId, clientRequestId } = this.#visit;
    const theirs = clientRequestId !== undefined && isUuid(clientRequestId);
    return {
      server: this.#services.server,
      kind,
      name,
      requestId,
      ...(theirs && { correlationId: clientRequestId }),
    };
  }
}

/** Arguments for the log, or only their size when they are large even after redaction. */
function boundedArguments(args: Record<string, unknown>, redact: readonly string[]): unknown {
  const redacted = redactArguments(args, redact);
  const bytes = Buffer.byteLength(JSON.stringify(redacted));
  return bytes > 8192 ? { omitted_bytes: bytes } : redacted;
}
