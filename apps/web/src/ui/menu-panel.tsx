/** The open part of a menu, on Radix. Opens at once, because it is loaded when it was asked for. */
import { DropdownMenu as Radix } from "radix-ui";
import { cx } from "./cx.ts";
import { CheckIcon } from "./icons.tsx";
import styles from "./menu.module.css";
import type { MenuEntry, MenuProps } from "./menu.tsx";

function Entry({ entry }: { entry: MenuEntry }) {
  switch (entry.kind) {
    case "text":
      return <Radix.Label className={styles["label"]}>{entry.content}</Radix.Label>;
    case "line":
      return <Radix.Separator className={styles["separator"]} />;
    case "action":
      return (
        <Radix.Item
          className={cx(styles["item"], entry.danger && styles["danger"])}
          onSelect={entry.onSelect}
        >
          {entry.icon}
          {entry.label}
        </Radix.Item>
      );
    case "choice":
      return (
        <Radix.RadioGroup value={entry.value} onValueChange={entry.onChange}>
          {entry.options.map((option) => (
            <Radix.RadioItem
              key={option.value}
              value={option.value}
              className={styles["item"]}
              onSelect={(event) => event.preventDefault()}
            >
              {option.icon}
              {option.label}
              <Radix.ItemIndicator className={styles["check"]}>
                <CheckIcon />
              </Radix.ItemIndicator>
            </Radix.RadioItem>
          ))}
        </Radix.RadioGroup>
      );
  }
}

export function MenuPanel({ label, trigger, entries }: MenuProps) {
  return (
    <Radix.Root modal={false} defaultOpen>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          className={styles["menu"]}
          align="end"
          sideOffset={4}
          collisionPadding={8}
          aria-label={label}
        >
          {entries.map((entry, index) => (
            <Entry key={`${index}-${entry.kind}`} entry={entry} />
          ))}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
