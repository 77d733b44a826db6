/** Detail that opens on demand, by the platform's own element. */
import type { ReactNode } from "react";
import styles from "./disclosure.module.css";
import { ChevronRightIcon } from "./icons.tsx";

export function Disclosure({
  summary,
  open,
  onOpen,
  children,
}: {
  summary: ReactNode;
  open?: boolean;
  onOpen?: () => void;
  children: ReactNode;
}) {
  return (
    <details
      className={styles["details"]}
      open={open}
      onToggle={(event) => event.currentTarget.open && onOpen?.()}
    >
      <summary className={styles["summary"]}>
        <span className={styles["arrow"]}>
          <ChevronRightIcon size={14} />
        </span>
        {summary}
      </summary>
      <div className={styles["body"]}>{children}</div>
    </details>
  );
}

/** Text exactly as it is. Reachable by keyboard because it can scroll. */
export function Code({ label, children }: { label: string; children: string }) {
  return (
    <pre className={styles["code"]} tabIndex={0} role="region" aria-label={label}>
      {children}
    </pre>
  );
}
