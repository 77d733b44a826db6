/** Words at one of six sizes and two weights. Screens choose a level and a meaning, never a pixel. */
import { Slot } from "radix-ui";
import type { ComponentProps, ReactNode } from "react";
import { cx } from "./cx.ts";
import styles from "./text.module.css";

export interface TextProps extends Omit<ComponentProps<"p">, "ref"> {
  as?: "p" | "span" | "div" | "dt" | "dd" | "li" | "time" | "strong" | "code";
  size?: "xs" | "sm" | "md" | "lg" | "xl" | "xxl";
  tone?: "soft" | "ok" | "warn" | "bad" | "accent" | undefined;
  strong?: boolean | undefined;
  mono?: boolean;
  clip?: boolean;
  struck?: boolean;
  dateTime?: string;
}

export function Text({
  as = "p",
  size = "md",
  tone,
  strong,
  mono,
  clip,
  struck,
  className,
  ...rest
}: TextProps) {
  const Element = as as "p";
  return (
    <Element
      className={cx(
        styles["text"],
        styles[size],
        tone && styles[tone],
        strong && styles["strong"],
        mono && styles["mono"],
        clip && styles["clip"],
        struck && styles["struck"],
        className,
      )}
      {...rest}
    />
  );
}

export interface HeadingProps extends ComponentProps<"h2"> {
  level: 1 | 2 | 3;
  size?: "sm" | "md" | "lg" | "xl" | "xxl";
}

export function Heading({ level, size, className, ...rest }: HeadingProps) {
  const Element = `h${level}` as "h2";
  const chosen = size ?? ({ 1: "xl", 2: "lg", 3: "md" } as const)[level];
  return <Element className={cx(styles["text"], styles[chosen], styles["strong"], className)} {...rest} />;
}

/** Read aloud, not shown. */
export function Hidden({ children, ...rest }: ComponentProps<"span">) {
  return (
    <span className={styles["sr"]} {...rest}>
      {children}
    </span>
  );
}

/** Gives a router's link the look of a link in running text. */
export function LinkText({ children, className }: { children: ReactNode; className?: string }) {
  return <Slot.Root className={cx(styles["link"], className)}>{children}</Slot.Root>;
}
