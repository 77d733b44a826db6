/** A surface that holds one thing, and the facts inside it. */
import { Slot } from "radix-ui";
import { type ComponentProps, Fragment, type ReactNode } from "react";
import styles from "./card.module.css";
import { cx } from "./cx.ts";

export interface CardProps extends ComponentProps<"section"> {
  pad?: boolean;
  look?: "attention" | "settled" | undefined;
  /** The child element (a link) becomes the card. */
  asLink?: boolean;
}

export function Card({ pad = true, look, asLink, className, ...rest }: CardProps) {
  const name = cx(
    styles["card"],
    pad && styles["pad"],
    look && styles[look],
    asLink && styles["link"],
    className,
  );
  if (asLink) return <Slot.Root className={name} {...(rest as ComponentProps<"a">)} />;
  return <section className={name} {...rest} />;
}

/** A list of names and values; absent values are left out. */
export function Facts({ items }: { items: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className={styles["facts"]}>
      {items
        .filter(([, value]) => value !== undefined && value !== null && value !== "")
        .map(([name, value]) => (
          <Fragment key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </Fragment>
        ))}
    </dl>
  );
}

export function Divider() {
  return <hr className={styles["divider"]} />;
}
