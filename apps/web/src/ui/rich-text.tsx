/**
 * An answer's text: paragraphs, lists, bold, code.
 *
 * Guarantees: no HTML, no images and no links come out of what a model wrote. Attack answered: an injected
 * instruction that makes the page fetch or offer `https://attacker/?data=…` (exfiltration by markdown).
 */
import { Fragment, type ReactNode } from "react";
import { cx } from "./cx.ts";
import styles from "./rich-text.module.css";

export type Block =
  | { kind: "paragraph"; text: string }
  | { kind: "title"; text: string }
  | { kind: "bullets"; items: string[] }
  | { kind: "numbers"; items: string[] };

const BULLET = /^\s*[-*•]\s+(.*)$/;
const NUMBER = /^\s*\d{1,3}[.)]\s+(.*)$/;
const TITLE = /^\s*#{1,6}\s+(.*)$/;

/** Splits an answer into blocks; unknown markup stays text. */
export function parseBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  for (const line of text.split(/\r?\n/)) {
    const bullet = BULLET.exec(line);
    const numbered = NUMBER.exec(line);
    const title = TITLE.exec(line);
    const item = bullet ?? numbered;
    if (line.trim() === "") {
      open = undefined;
    } else if (item !== null) {
      const kind = bullet === null ? "numbers" : "bullets";
      if (open?.kind === kind) open.items.push(item[1] ?? "");
      else blocks.push((open = { kind, items: [item[1] ?? ""] }));
    } else if (title !== null) {
      blocks.push({ kind: "title", text: title[1] ?? "" });
      open = undefined;
    } else if (open?.kind === "paragraph") {
      open.text += `\n${line}`;
    } else {
      blocks.push((open = { kind: "paragraph", text: line }));
    }
  }
  return blocks;
}

function inline(text: string): ReactNode {
  return text.split(/(\*\*[^*]+\*\*|`[^`]+`|\n)/).map((part, index) => {
    const key = `${index}`;
    if (part === "\n") return <br key={key} />;
    if (part.startsWith("**") && part.endsWith("**") && part.length > 4)
      return <strong key={key}>{part.slice(2, -2)}</strong>;
    if (part.startsWith("`") && part.endsWith("`") && part.length > 2)
      return <code key={key}>{part.slice(1, -1)}</code>;
    return <Fragment key={key}>{part}</Fragment>;
  });
}

export function RichText({ text, streaming }: { text: string; streaming?: boolean }) {
  return (
    <div className={cx(styles["rich"], streaming && styles["streaming"])} data-testid="answer">
      {parseBlocks(text).map((block, index) => {
        const key = `${index}`;
        if (block.kind === "paragraph" || block.kind === "title") {
          return (
            <p key={key} dir="auto" className={block.kind === "title" ? styles["title"] : undefined}>
              {inline(block.text)}
            </p>
          );
        }
        const List = block.kind === "bullets" ? "ul" : "ol";
        return (
          <List key={key} dir="auto">
            {block.items.map((item, at) => (
              // The order of a list that is being written never changes.
              <li key={`${at}`}>{inline(item)}</li>
            ))}
          </List>
        );
      })}
    </div>
  );
}
