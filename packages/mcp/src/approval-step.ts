/**
 * The step of a call at which a person may have to agree: whether one must, the card they decide on, and the spending of
 * their yes in the transaction of the effect (SR-05, SR-06, SR-15).
 *
 * Guarantees: where information came from and goes decides (call-flow.ts); what it denies, no yes makes up for. A written exemption
 * counts only while its own condition holds, asked again first in the effect's transaction,
 * and never in an untrusted context unless it says so out loud. A tool can raise single calls of its `write` to `sensitive`,
 * never lower one: what it does not clearly deny is one, no exemption covers it, and one that becomes so before its effect
 * happens does nothing. A client that can open a link is sent to the card; whatever
 * it answers decides nothing.
 */
import { type Clock, DeputizeError, type Effect, actingPrincipal } from "@deputize/core";
import type { FlowDecision, FlowReason } from "@deputize/guardrails/flow";
import type { Tx } from "@deputize/store";
import { type InputRequiredResult, inputRequired } from "@modelcontextprotocol/server";
import { type ApprovalRequest, type ApprovalUse, type Preview, previewDigestOf } from "./approval.ts";
import { type CardReason, cardReasons, decideCall } from "./call-flow.ts";
import type { ClientInput, ReadDatabase } from "./context.ts";
import type { Definition } from "./definition.ts";
import type { CallServices, Visit } from "./visit.ts";

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
  /** Why a person is asked. */
  readonly because?: readonly CardReason[];
  /** Where a person decides, signed in as themselves. */
  readonly url?: string;
}

export interface Asked {
  readonly approval: WaitingApproval;
  /** The same as a link for the client to open, where it can. */
  readonly link: InputRequiredResult | undefined;
}

/** What a sealed link state holds of the call that waits. */
interface LinkState {
  readonly approval: string;
  readonly call: string;
}

export interface ApprovalStepOptions {
  readonly services: Pick<CallServices, "approvals" | "approvalUrl" | "runGate" | "store"> & {
    readonly clock: Clock;
  };
  readonly visit: Visit;
  readonly definition: Definition;
  readonly input: ClientInput;
  /** What may be shown of a value to the client. The person who decides reads the whole of it at the authority. */
  readonly shown: <T>(value: T) => T;
  /** The validated arguments and the digest of their canonical form. */
  readonly args: () => { readonly values: Record<string, unknown>; readonly digest: string };
}

export class ApprovalStep {
  readonly #options: ApprovalStepOptions;
  #mustApprove = false;
  #exempted = false;
  #raised = false;
  #reasons: readonly FlowReason[] = [];

  constructor(options: ApprovalStepOptions) {
    this.#options = options;
  }

  /** Why a person has to agree, or why the call is refused; for the log and the card. */
  get reasons(): readonly FlowReason[] {
    return this.#reasons;
  }

  /** The effect has to be made in `ctx.db.write`, where the yes is spent. */
  get mustApprove(): boolean {
    return this.#mustApprove;
  }

  /** What this call does: the tool's effect, or more. */
  get effect(): Effect {
    return this.#raised ? "sensitive" : this.#options.definition.effect;
  }

  /** Why nobody was asked; for the log. */
  get exemption(): string | undefined {
    return this.#exempted ? this.#options.definition.exemption?.because : undefined;
  }

  /** The approval that this call comes with. */
  get presented(): string | undefined {
    return this.#options.visit.operation.notes.approvalId ?? this.#linked()?.approval;
  }

  get callId(): string {
    const { operation, requestId } = this.#options.visit;
    return operation.notes.callId ?? this.#linked()?.call ?? requestId;
  }

  /** True when a person has to be asked before anything happens. Throws `flow_denied` where nobody may agree. */
  async mustAsk(reader: ReadDatabase): Promise<boolean> {
    const { services, definition } = this.#options;
    const { effect, sensitiveWhen, exemption } = definition;
    this.#raised = sensitiveWhen !== undefined && (await reader.read((tx) => this.#isRaised(tx)));
    let decision = this.#decide(false);
    this.#reasons = decision.reasons;
    if (decision.decision === "deny") throw denied(decision.reasons);
    if (this.presented !== undefined) this.#mustApprove = effect !== "read" || decision.decision === "ask";
    else if (decision.decision === "ask") {
      if (exemption && !this.#raised && (await this.#exemptionHolds(reader))) decision = this.#decide(true);
      this.#reasons = decision.reasons;
      this.#exempted = decision.exempted.length > 0;
      this.#mustApprove = decision.decision === "ask";
    }
    // A server of reads alone may have nobody to ask, and nowhere to spend a yes.
    if (this.#mustApprove && effect === "read" && !(services.approvals && services.store))
      throw denied(decision.reasons);
    return this.#mustApprove && this.presented === undefined;
  }

  #decide(exempted: boolean): FlowDecision {
    const { visit, definition, args, services } = this.#options;
    return decideCall({
      caller: visit.caller,
      definition,
      notes: visit.operation.notes,
      args: args().values,
      effect: this.effect,
      exempt: exempted ? definition.exemption : undefined,
      gate: services.runGate,
    });
  }

  /** Writes the card. Throws `config_invalid` where nobody can be asked. */
  async ask(reader: ReadDatabase): Promise<Asked> {
    const { services, visit, definition, input, shown } = this.#options;
    const { approvals, approvalUrl, clock } = services;
    if (!approvals) throw new DeputizeError("config_invalid", "this server has nobody to ask for approval");
    const preview = await reader.read((tx) => this.#preview(tx));
    const pending = await approvals.request(visit.caller, this.#request(preview));
    const { notes } = visit.operation;
    const url = approvalUrl?.(pending.id);
    const approval: WaitingApproval = {
      id: pending.id,
      tool: definition.name,
      summary: shown(preview.summary),
      arguments: (
        pending.arguments ??
        Object.entries(this.#options.args().values).map(([name, value]) => ({
          name,
          value,
          source: sourceOf(notes.argumentSources?.[name]),
        }))
      ).map((one) => ({ ...one, value: shown({ [one.name]: one.value })[one.name] })),
      ...(preview.amountCents !== undefined && { amount: preview.amountCents }),
      status: "pending",
      expires: new Date(pending.expiresAt).toISOString(),
      created: new Date(pending.createdAt ?? clock.nowMs()).toISOString(),
      ...(notes.conversationId && { conversation_id: notes.conversationId }),
      ...(this.#reasons.length > 0 && { because: cardReasons(this.#reasons) }),
      ...(url && { url }),
    };
    const link = url && opensLinks(input.capabilities) ? await this.#link(approval, url) : undefined;
    return { approval, link };
  }

  /** First in the effect's transaction: what the person saw, or what exempts the call, must still hold (SR-15). */
  async spend(tx: Tx): Promise<void> {
    const { services, visit } = this.#options;
    if (!this.#mustApprove) {
      if (await this.#isRaised(tx)) throw mustAgree();
      if (this.#exempted && !(await this.#conditionHolds(tx))) throw mustAgree();
      return;
    }
    const approvalId = this.presented;
    if (!services.approvals || !approvalId) throw mustAgree();
    await services.approvals.consume(tx, visit.caller, await this.#use(tx, approvalId));
  }

  /** What the yes has to be bound to, as the rows are now. */
  async #use(tx: Tx, approvalId: string): Promise<ApprovalUse> {
    const { visit, definition, args } = this.#options;
    const { runId } = visit.operation.notes;
    return {
      approvalId,
      callId: this.callId,
      tool: definition.name,
      argsDigest: args().digest,
      previewDigest: previewDigestOf(definition.name, await this.#preview(tx)),
      ...(runId && { runId }),
    };
  }

  /**
   * False for an approval that is none, is spent, or was given for another call, where the authority can be asked for it: such a call
   * begins no handler. What is true here is asked again in the effect's transaction.
   */
  async mayBegin(reader: ReadDatabase): Promise<boolean> {
    const { services, visit } = this.#options;
    const { approvals } = services;
    const approvalId = this.presented;
    if (!this.#mustApprove || approvalId === undefined || !approvals) return true;
    if (approvals.fits) {
      const use = await reader.read((tx) => this.#use(tx, approvalId));
      return approvals.fits(visit.caller, use).catch(() => false);
    }
    return approvals.stillApproved?.(visit.caller, approvalId).catch(() => false) ?? true;
  }

  /** Whether a refused spending means that the call has changed since the yes, so that a new card is due. */
  async changedSince(error: DeputizeError): Promise<boolean> {
    if (error.code === "approval_changed") return true;
    const { services, visit } = this.#options;
    const approvalId = this.presented;
    if (error.code !== "approval_invalid" || !approvalId || !services.approvals?.stillApproved) return false;
    return services.approvals.stillApproved(visit.caller, approvalId).catch(() => false);
  }

  async #exemptionHolds(reader: ReadDatabase): Promise<boolean> {
    const { definition, visit } = this.#options;
    const { exemption } = definition;
    if (!exemption) return false;
    if (visit.operation.notes.context.integrity !== "trusted" && !exemption.evenUntrusted) return false;
    return exemption.when === undefined || reader.read((tx) => this.#conditionHolds(tx));
  }

  async #conditionHolds(tx: Tx): Promise<boolean> {
    const { when } = this.#options.definition.exemption ?? {};
    const { caller, client } = this.#options.visit;
    return when === undefined || (await when(this.#options.args().values, tx, { caller, client })) === true;
  }

  async #isRaised(tx: Tx): Promise<boolean> {
    const { sensitiveWhen } = this.#options.definition;
    const { caller, client } = this.#options.visit;
    return (
      sensitiveWhen !== undefined &&
      (await sensitiveWhen(this.#options.args().values, tx, { caller, client })) !== false
    );
  }

  async #preview(tx: Tx): Promise<Preview> {
    const { definition, visit } = this.#options;
    const { values } = this.#options.args();
    const { caller, client } = visit;
    if (definition.preview) return definition.preview(values, tx, { caller, client });
    const shown = JSON.stringify(values);
    return {
      summary: `${definition.title ?? definition.name}: ${shown.length > 400 ? `${shown.slice(0, 400)}…` : shown}`,
    };
  }

  #request(preview: Preview): ApprovalRequest {
    const { visit, definition } = this.#options;
    const { values, digest } = this.#options.args();
    const { notes } = visit.operation;
    return {
      callId: this.callId,
      tool: definition.name,
      agent: actingPrincipal(visit.caller),
      args: values,
      argsDigest: digest,
      preview,
      previewDigest: previewDigestOf(definition.name, preview),
      summary: preview.summary,
      ttlSeconds: definition.approvalTtlSeconds,
      ...(preview.amountCents !== undefined && { amountCents: preview.amountCents }),
      ...(notes.runId && { runId: notes.runId }),
      ...(notes.conversationId && { conversationId: notes.conversationId }),
      ...(notes.argumentSources && { argumentSources: notes.argumentSources }),
      ...(this.#reasons.length > 0 && { because: cardReasons(this.#reasons) }),
    };
  }

  async #link(approval: WaitingApproval, url: string): Promise<InputRequiredResult> {
    const state: LinkState = { approval: approval.id, call: this.callId };
    const message = `A person has to agree: ${approval.summary}`;
    return inputRequired({
      inputRequests: { approval: inputRequired.elicitUrl({ message, url }) },
      requestState: await this.#options.input.seal({ deputize_approval: state }),
    });
  }

  #linked(): LinkState | undefined {
    const sealed = this.#options.input.state<{ readonly deputize_approval?: LinkState }>();
    return typeof sealed === "object" && sealed !== null ? sealed.deputize_approval : undefined;
  }
}

function denied(reasons: readonly FlowReason[]): DeputizeError {
  const final = reasons.filter(({ answer }) => answer === "deny");
  const why = (final.length > 0 ? final : reasons).map(({ says }) => says).join(" ");
  return new DeputizeError("flow_denied", `this may not be sent, and nobody can agree to it: ${why}`, {
    detail: { rules: reasons.map(({ rule }) => rule) },
  });
}

function mustAgree(): DeputizeError {
  return new DeputizeError("approval_required", "a person must agree to this call first");
}

/** Whether the client said that it can open a link for its person. */
function opensLinks(capabilities: Readonly<Record<string, unknown>>): boolean {
  const elicitation = capabilities["elicitation"];
  return typeof elicitation === "object" && elicitation !== null && "url" in elicitation;
}

function sourceOf(source: string | undefined): "you" | "your data" | "other" {
  return source === "you" || source === "your data" ? source : "other";
}
