/**
 * Where a question is written. Enter sends, Shift+Enter breaks the line.
 *
 * Guarantees: text that came from the address is only put in the field, said to be from a link, and sent by a
 * press alone [SR-08]. The text stays until the shop has taken it.
 */
import { type KeyboardEvent, type RefObject, useEffect } from "react";
import { Badge } from "../../ui/badge.tsx";
import { Button, IconButton } from "../../ui/button.tsx";
import { ArrowUpIcon, StopIcon } from "../../ui/icons.tsx";
import { Textarea } from "../../ui/input.tsx";
import { Notice } from "../../ui/states.tsx";
import { Text } from "../../ui/text.tsx";
import styles from "./chat.module.css";

const MESSAGE_LIMIT = 8000;

export interface ComposerProps {
  field: RefObject<HTMLTextAreaElement | null>;
  text: string;
  onText: (text: string) => void;
  onSend: () => void;
  onStop: () => void;
  busy: boolean;
  fromLink: boolean;
  onDiscardLink: () => void;
  personName: string;
  model: { name: string; offline: boolean };
}

export function Composer(props: ComposerProps) {
  const { field, text, onText, onSend, onStop, busy, fromLink, onDiscardLink, personName, model } = props;
  useEffect(() => {
    // On a phone this would push the keyboard over the page at once.
    if (matchMedia("(pointer: fine)").matches) field.current?.focus({ preventScroll: true });
  }, [field]);
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    if (!busy && text.trim() !== "") onSend();
  };
  return (
    <form
      className={styles["composer"]}
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy && text.trim() !== "") onSend();
      }}
    >
      {fromLink && (
        <Notice
          tone="warn"
          role="status"
          title="This text came from a link"
          actions={
            <Button size="small" onClick={onDiscardLink}>
              Discard it
            </Button>
          }
        >
          You did not type it. Read it before you send it.
        </Notice>
      )}
      <div className={styles["box"]}>
        <div className={styles["input"]}>
          <Textarea
            ref={field}
            label="Your question"
            hideLabel
            rows={1}
            placeholder="Ask about orders and products"
            maxLength={MESSAGE_LIMIT}
            value={text}
            dir="auto"
            data-testid="composer"
            onChange={(event) => onText(event.target.value)}
            onKeyDown={onKeyDown}
          />
        </div>
        {busy ? (
          <IconButton variant="secondary" label="Stop the answer" icon={<StopIcon />} onClick={onStop} />
        ) : (
          <IconButton
            type="submit"
            variant="primary"
            label="Send"
            icon={<ArrowUpIcon />}
            disabled={text.trim() === ""}
          />
        )}
      </div>
      <div className={styles["foot"]}>
        <Text as="div" size="xs" tone="soft">
          Agents act for {personName.split(" ")[0]} and ask before they change anything that matters.
        </Text>
        <Badge
          tone="outline"
          title={
            model.offline
              ? "No language model is set up: a built-in planner with fixed rules answers"
              : "The language model that answers"
          }
        >
          {model.offline ? "offline planner" : model.name}
        </Badge>
      </div>
    </form>
  );
}
