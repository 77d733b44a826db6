/**
 * Questions of an agent that wait in this process for the person they are for.
 *
 * Guarantees: only that person sees and decides them, and only by themselves: a caller with a deputy, an agent's token included,
 * decides nothing. A question is decided once; one that nobody waits for any more is gone.
 * Does not: reach another process. Replicas behind one address need a webhook, or a handler over what they share.
 */
import { type Caller, DeputizeError } from "@deputize/core";
import type { ApprovalDecision } from "../tools/tool-source.ts";
import type { ApprovalHandler, ApprovalQuestion } from "./approval-handler.ts";

export interface ApprovalQueue extends ApprovalHandler {
  /** The caller's own, oldest first. Throws `first_party_session_required`. */
  list(caller: Caller): readonly ApprovalQuestion[];
  /** Throws `first_party_session_required`, and `not_found` for another's as for none. */
  decide(caller: Caller, id: string, decision: ApprovalDecision): void;
}

export interface ApprovalQueueOptions {
  /** Told of each question, to show it to its person. What it throws is no answer. */
  readonly onQuestion?: (question: ApprovalQuestion) => void;
}

export function approvalQueue(options: ApprovalQueueOptions = {}): ApprovalQueue {
  const waiting = new Map<
    string,
    { readonly question: ApprovalQuestion; readonly answer: (decision: ApprovalDecision) => void }
  >();
  const own = ({ question }: { readonly question: ApprovalQuestion }, caller: Caller): boolean =>
    question.tenant === caller.tenant && question.subject === caller.subject;

  function requireThemselves({ actors, subjectKind }: Caller): void {
    if (actors.length === 0 && subjectKind === "user") return;
    throw new DeputizeError("first_party_session_required", "only the person decides this, by themselves");
  }

  return {
    name: "queue",
    ask: (question, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const leave = (): void => {
          waiting.delete(question.id);
          signal.removeEventListener("abort", onAbort);
        };
        const onAbort = (): void => {
          leave();
          reject(signal.reason);
        };
        signal.addEventListener("abort", onAbort, { once: true });
        waiting.set(question.id, {
          question,
          answer(decision) {
            leave();
            resolve(decision);
          },
        });
        try {
          options.onQuestion?.(question);
        } catch {
          // Whoever lists the questions finds it.
        }
      }),
    list(caller) {
      requireThemselves(caller);
      return [...waiting.values()].filter((one) => own(one, caller)).map(({ question }) => question);
    },
    decide(caller, id, decision) {
      requireThemselves(caller);
      const one = waiting.get(id);
      if (!one || !own(one, caller)) throw new DeputizeError("not_found", "nothing waits for this decision");
      one.answer(decision);
    },
  };
}

export function isQueue(handler: ApprovalHandler | undefined): handler is ApprovalQueue {
  return handler !== undefined && "decide" in handler && "list" in handler;
}
