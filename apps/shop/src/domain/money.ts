/** Money is integer cents inside and text or dollars only where people or models read and write it. */

/** `18950` → `$189.50`. */
export function dollars(cents: number): string {
  const whole = Math.floor(Math.abs(cents) / 100).toLocaleString("en-US");
  const rest = String(Math.abs(cents) % 100).padStart(2, "0");
  return `${cents < 0 ? "-" : ""}$${whole}.${rest}`;
}

/** Dollars as a person or a model says them, half up to the cent. */
export function centsOf(amount: number): number {
  return Math.round(amount * 100);
}
