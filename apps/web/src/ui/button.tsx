/** Everything that is pressed. `asChild` gives the same look to a link. One primary a screen. */
import { Slot } from "radix-ui";
import type { ComponentProps, ReactNode } from "react";
import styles from "./button.module.css";
import { cx } from "./cx.ts";

export interface ButtonProps extends ComponentProps<"button"> {
  variant?: "primary" | "secondary" | "ghost" | "danger" | "mark" | "row";
  size?: "medium" | "small";
  wide?: boolean;
  busy?: boolean;
  asChild?: boolean;
}

export function Button({
  variant = "secondary",
  size,
  wide,
  busy,
  asChild,
  className,
  children,
  ...rest
}: ButtonProps) {
  const name = cx(
    styles["button"],
    styles[variant],
    size === "small" && styles["small"],
    wide && styles["wide"],
    className,
  );
  if (asChild) {
    return (
      <Slot.Root className={name} {...rest}>
        {children}
      </Slot.Root>
    );
  }
  return (
    <button
      type="button"
      className={name}
      {...rest}
      disabled={rest.disabled || busy}
      aria-busy={busy || undefined}
    >
      {busy && <span className={styles["spinner"]} aria-hidden="true" />}
      {children}
    </button>
  );
}

export interface IconButtonProps extends Omit<ButtonProps, "children" | "wide"> {
  label: string;
  icon: ReactNode;
}

/** A button whose only content is a drawing; the label is for screen readers and the tooltip. */
export function IconButton({ label, icon, variant = "ghost", className, ...rest }: IconButtonProps) {
  return (
    <Button
      variant={variant}
      aria-label={label}
      title={label}
      className={cx(styles["icon"], className)}
      {...rest}
    >
      {icon}
    </Button>
  );
}
