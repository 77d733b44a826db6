/** Arrangement: stacks, rows and the frame of a page, on the 4-pixel grid. */
import { type ComponentProps, type ReactNode, useEffect } from "react";
import { cx } from "./cx.ts";
import styles from "./layout.module.css";
import { Heading, Text } from "./text.tsx";

type Gap = 1 | 2 | 3 | 4 | 6 | 8;

export interface StackProps extends ComponentProps<"div"> {
  gap?: Gap;
}

export function Stack({ gap = 4, className, ...rest }: StackProps) {
  return <div className={cx(styles["stack"], styles[`g${gap}`], className)} {...rest} />;
}

export interface RowProps extends StackProps {
  wrap?: boolean;
  align?: "top" | "baseline";
  justify?: "between" | "end";
}

export function Row({ gap = 2, wrap, align, justify, className, ...rest }: RowProps) {
  return (
    <div
      className={cx(
        styles["row"],
        styles[`g${gap}`],
        wrap && styles["wrap"],
        align && styles[align],
        justify && styles[justify],
        className,
      )}
      {...rest}
    />
  );
}

export function Grow({ className, ...rest }: ComponentProps<"div">) {
  return <div className={cx(styles["grow"], className)} {...rest} />;
}

export interface PageProps {
  title: string;
  lead?: ReactNode;
  /** The way to the list that this page belongs to. */
  back?: ReactNode;
  actions?: ReactNode;
  narrow?: boolean;
  children: ReactNode;
}

/** Names the document after the page, which is also what a screen reader says on arrival. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Deputize Shop`;
  }, [title]);
}

export function Page({ title, lead, back, actions, narrow, children }: PageProps) {
  useTitle(title);
  return (
    <div className={cx(styles["page"], narrow && styles["narrow"])}>
      <div className={styles["head"]}>
        <Stack gap={1}>
          {back !== undefined && <div className={styles["back"]}>{back}</div>}
          <Heading level={1} size="xxl">
            {title}
          </Heading>
          {lead !== undefined && (
            <Text as="div" tone="soft">
              {lead}
            </Text>
          )}
        </Stack>
        {actions}
      </div>
      {children}
    </div>
  );
}
