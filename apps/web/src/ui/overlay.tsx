/** Layers over the page: a dialog for one decision, a sheet for detail. Focus goes in, stays in, and comes back. */
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { Button, IconButton } from "./button.tsx";
import { cx } from "./cx.ts";
import { CloseIcon } from "./icons.tsx";
import styles from "./overlay.module.css";
import { Heading, Text } from "./text.tsx";

export interface LayerProps {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: ReactNode;
  footer?: ReactNode;
  children?: ReactNode;
}

interface ShellProps extends LayerProps {
  className: string | undefined;
  role?: "alertdialog";
  testId?: string;
}

function Layer({ open, onClose, title, description, footer, children, className, role, testId }: ShellProps) {
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className={styles["scrim"]} />
        <Radix.Content
          className={className}
          data-testid={testId}
          {...(role && { role })}
          {...(description === undefined && { "aria-describedby": undefined })}
        >
          <div className={styles["head"]}>
            <div className={styles["titles"]}>
              <Radix.Title asChild>
                <Heading level={2}>{title}</Heading>
              </Radix.Title>
              {description !== undefined && (
                <Radix.Description asChild>
                  <Text as="div" tone="soft">
                    {description}
                  </Text>
                </Radix.Description>
              )}
            </div>
            <Radix.Close asChild>
              <IconButton label="Close" icon={<CloseIcon />} />
            </Radix.Close>
          </div>
          {children !== undefined && (
            <div className={styles["body"]} tabIndex={-1}>
              {children}
            </div>
          )}
          {footer !== undefined && <div className={styles["foot"]}>{footer}</div>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export function Dialog({ testId, ...props }: LayerProps & { testId?: string }) {
  return <Layer {...props} {...(testId !== undefined && { testId })} className={styles["dialog"]} />;
}

export function Sheet({
  side = "end",
  testId,
  ...props
}: LayerProps & { side?: "start" | "end"; testId?: string }) {
  return (
    <Layer
      {...props}
      {...(testId !== undefined && { testId })}
      className={cx(styles["sheet"], styles[side])}
    />
  );
}

export interface ConfirmProps {
  open: boolean;
  onClose: () => void;
  onConfirm: () => void;
  title: string;
  description: ReactNode;
  confirm: string;
  busy?: boolean;
  children?: ReactNode;
}

/** Asks before something that cannot be taken back. */
export function ConfirmDialog({ onConfirm, confirm, busy, onClose, ...props }: ConfirmProps) {
  return (
    <Layer
      {...props}
      onClose={onClose}
      role="alertdialog"
      className={styles["dialog"]}
      footer={
        <>
          <Button onClick={onClose}>Keep</Button>
          <Button variant="danger" onClick={onConfirm} busy={busy ?? false}>
            {confirm}
          </Button>
        </>
      }
    >
      {props.children}
    </Layer>
  );
}
