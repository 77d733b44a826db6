/** A short mark: a status (always with its word), or a chip that names somebody. */
import type { ReactNode } from "react";
import styles from "./badge.module.css";
import { cx } from "./cx.ts";

export type Tone = "plain" | "outline" | "accent" | "ok" | "note" | "warn" | "bad";

export interface BadgeProps {
  tone?: Tone;
  icon?: ReactNode;
  title?: string;
  children: ReactNode;
}

export function Badge({ tone = "plain", icon, title, children }: BadgeProps) {
  return (
    <span className={cx(styles["badge"], styles[tone])} title={title}>
      {icon}
      <span>{children}</span>
    </span>
  );
}
