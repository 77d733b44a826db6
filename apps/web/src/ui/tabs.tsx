/** Views of one list. Each is a link, so that a view has an address, opens in a new tab and goes back. */
import { Slot } from "radix-ui";
import type { ReactNode } from "react";
import styles from "./tabs.module.css";

export function Tabs({ label, children }: { label: string; children: ReactNode }) {
  return (
    <nav aria-label={label} className={styles["tabs"]}>
      {children}
    </nav>
  );
}

/** The child is a router link, which says by itself whether it is the current page; give it `EXACT`. */
export const EXACT = { exact: true, includeSearch: true } as const;

export function Tab({ current, children }: { current: boolean; children: ReactNode }) {
  return (
    <Slot.Root className={styles["tab"]} data-current={current || undefined}>
      {children}
    </Slot.Root>
  );
}
