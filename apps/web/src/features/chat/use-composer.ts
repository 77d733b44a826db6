/**
 * What stands in the composer, from before the chat engine is there until after it. The field stays one and the same meanwhile:
 * another in its place would swallow the letters that are typed in that moment, and move the caret under the person's hand.
 *
 * Guarantees: what was typed or pressed before the engine was there goes to it, once. Text from the address is never sent
 * without a press [SR-08]. Text that the engine does not take stays in the field.
 */
import { useNavigate } from "@tanstack/react-router";
import { type RefObject, useCallback, useEffect, useRef, useState } from "react";
import type { OpenChat } from "./chat-registry.ts";

/** An exchange that can be written to. */
export interface Engine {
  readonly entry: OpenChat;
  readonly busy: boolean;
  /** False where it is at work already, and nothing was taken. */
  ask(question: string): boolean;
  stop(): void;
}

export interface ComposerState {
  readonly text: string;
  readonly fromLink: boolean;
  readonly busy: boolean;
  /** Whether there is an exchange that the field belongs to. */
  readonly attached: boolean;
  readonly field: RefObject<HTMLTextAreaElement | null>;
  attach(engine: Engine | undefined): void;
  change(text: string): void;
  send(): void;
  ask(question: string): void;
  stop(): void;
  discardLink(): void;
}

/** In: the text that the address brought. */
export function useComposer(linkText: string | undefined): ComposerState {
  const navigate = useNavigate();
  const [text, setText] = useState(linkText ?? "");
  const [fromLink, setFromLink] = useState(linkText !== undefined);
  const [engine, setEngine] = useState<Engine>();
  const [early, setEarly] = useState<{ question: string; typed: boolean }>();
  const field = useRef<HTMLTextAreaElement>(null);
  /** Whose draft the text is. Until there is one, what is typed belongs to the first. */
  const holder = useRef<OpenChat>(undefined);
  const present = useRef({ text, linkText });
  present.current.linkText = linkText;

  const change = useCallback((next: string) => {
    present.current.text = next;
    if (holder.current !== undefined) holder.current.draft = next;
    setText(next);
  }, []);

  const attach = useCallback(
    (next: Engine | undefined) => {
      setEngine(next);
      if (next === undefined || next.entry === holder.current) return;
      const first = holder.current === undefined;
      holder.current = next.entry;
      const { text: typed, linkText: linked } = present.current;
      if (first) return change(typed === "" ? next.entry.draft : typed);
      change(linked ?? next.entry.draft);
      setFromLink(linked !== undefined);
      if (matchMedia("(pointer: fine)").matches) field.current?.focus({ preventScroll: true });
    },
    [change],
  );

  const dropLink = useCallback(() => {
    setFromLink(false);
    if (present.current.linkText === undefined) return;
    void navigate({ to: ".", search: (old: object) => ({ ...old, q: undefined }), replace: true });
  }, [navigate]);

  const ask = useCallback(
    (question: string, typed = false) => {
      if (engine === undefined) setEarly({ question, typed });
      else if (engine.ask(question) && typed) {
        change("");
        dropLink();
      }
    },
    [change, dropLink, engine],
  );

  // A press from before the engine was there, taken once.
  useEffect(() => {
    if (engine === undefined || early === undefined) return;
    setEarly(undefined);
    ask(early.question, early.typed);
  }, [ask, early, engine]);

  return {
    text,
    fromLink,
    busy: early !== undefined || engine?.busy === true,
    attached: engine !== undefined,
    field,
    attach,
    change,
    send: () => ask(text.trim(), true),
    ask,
    stop: () => engine?.stop(),
    discardLink: () => {
      change("");
      dropLink();
    },
  };
}
