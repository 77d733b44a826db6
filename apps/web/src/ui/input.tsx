/** Fields: a label that is always there, a hint, and an error that a screen reader hears. */
import { type ComponentProps, type ReactNode, useId } from "react";
import { cx } from "./cx.ts";
import { AlertIcon, ChevronDownIcon } from "./icons.tsx";
import styles from "./input.module.css";

interface FieldProps {
  label: string;
  hideLabel?: boolean;
  hint?: ReactNode;
  error?: string | undefined;
}

function useField({ hint, error }: FieldProps) {
  const id = useId();
  const described = [hint !== undefined && `${id}-hint`, error !== undefined && `${id}-error`].filter(
    Boolean,
  );
  return {
    id,
    control: {
      id,
      "aria-describedby": described.length > 0 ? described.join(" ") : undefined,
      "aria-invalid": error === undefined ? undefined : true,
    },
  };
}

function Field({
  id,
  label,
  hideLabel,
  hint,
  error,
  children,
}: FieldProps & { id: string; children: ReactNode }) {
  return (
    <div className={styles["field"]}>
      <label htmlFor={id} className={hideLabel ? styles["sr"] : styles["label"]}>
        {label}
      </label>
      {children}
      {hint !== undefined && (
        <div id={`${id}-hint`} className={styles["hint"]}>
          {hint}
        </div>
      )}
      {error !== undefined && (
        <div id={`${id}-error`} className={styles["error"]} role="alert">
          <AlertIcon size={14} /> {error}
        </div>
      )}
    </div>
  );
}

export type InputProps = FieldProps & { icon?: ReactNode } & Omit<ComponentProps<"input">, "id">;

export function Input({ label, hideLabel, hint, error, icon, className, ...rest }: InputProps) {
  const field = { label, ...(hideLabel && { hideLabel }), ...(hint !== undefined && { hint }), error };
  const { id, control } = useField(field);
  return (
    <Field id={id} {...field}>
      <div className={styles["wrap"]}>
        {icon && <span className={styles["lead"]}>{icon}</span>}
        <input
          className={cx(styles["input"], icon !== undefined && styles["withLead"], className)}
          {...control}
          {...rest}
        />
      </div>
    </Field>
  );
}

export type TextareaProps = FieldProps & Omit<ComponentProps<"textarea">, "id">;

export function Textarea({ label, hideLabel, hint, error, className, ...rest }: TextareaProps) {
  const field = { label, ...(hideLabel && { hideLabel }), ...(hint !== undefined && { hint }), error };
  const { id, control } = useField(field);
  return (
    <Field id={id} {...field}>
      <textarea className={cx(styles["input"], styles["area"], className)} {...control} {...rest} />
    </Field>
  );
}

export type SelectProps = FieldProps & { options: readonly { value: string; label: string }[] } & Omit<
    ComponentProps<"select">,
    "id" | "children"
  >;

/** The platform's own list: it is the most usable one on a phone and with a screen reader. */
export function Select({ label, hideLabel, hint, error, options, className, ...rest }: SelectProps) {
  const field = { label, ...(hideLabel && { hideLabel }), ...(hint !== undefined && { hint }), error };
  const { id, control } = useField(field);
  return (
    <Field id={id} {...field}>
      <div className={styles["wrap"]}>
        <select className={cx(styles["input"], styles["select"], className)} {...control} {...rest}>
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
        <span className={styles["chevron"]}>
          <ChevronDownIcon size={14} />
        </span>
      </div>
    </Field>
  );
}

export interface CheckboxesProps {
  legend: string;
  options: readonly { value: string; label: string }[];
  value: readonly string[];
  onChange: (value: string[]) => void;
}

export function Checkboxes({ legend, options, value, onChange }: CheckboxesProps) {
  return (
    <fieldset className={styles["field"]}>
      <legend className={styles["label"]}>{legend}</legend>
      <div className={styles["checks"]}>
        {options.map((option) => (
          <label key={option.value} className={styles["check"]}>
            <input
              type="checkbox"
              checked={value.includes(option.value)}
              onChange={(event) =>
                onChange(
                  event.target.checked
                    ? [...value, option.value]
                    : value.filter((item) => item !== option.value),
                )
              }
            />
            {option.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
