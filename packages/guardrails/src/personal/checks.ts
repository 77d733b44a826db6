/**
 * Check digits. Those of national numbers come from `stdnum`, one file a number, read when the first candidate for it is met.
 */
import { createRequire } from "node:module";
import type { Validator } from "stdnum/lib/cjs/types.js";
import { isValidBIC, isValidIBAN } from "ibantools";

const require = createRequire(import.meta.url);

/** ISO/IEC 7812-1 annex B (Luhn) over the digits of `text`. */
export function luhn(text: string): boolean {
  let sum = 0;
  let double = false;
  for (let at = text.length - 1; at >= 0; at--) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) continue;
    const value = double ? digit * 2 : digit;
    sum += value > 9 ? value - 9 : value;
    double = !double;
  }
  return sum % 10 === 0;
}

/** Numbers that payment networks give out (ISO/IEC 7812-1): by the first digits and how many there are. */
const CARDS: readonly { readonly first: RegExp; readonly digits: readonly number[] }[] = [
  { first: /^4/, digits: [13, 16, 19] }, // Visa
  { first: /^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, digits: [16] }, // Mastercard
  { first: /^3[47]/, digits: [15] }, // American Express
  { first: /^(?:30[0-59]|36|38|39)/, digits: [14, 16, 17, 18, 19] }, // Diners Club
  { first: /^(?:6011|64[4-9]|65)/, digits: [16, 17, 18, 19] }, // Discover
  { first: /^35(?:2[89]|[3-8])/, digits: [16, 17, 18, 19] }, // JCB
  { first: /^(?:2131|1800)/, digits: [15] }, // JCB, the older ones
  { first: /^(?:62|81)/, digits: [16, 17, 18, 19] }, // UnionPay
  { first: /^(?:50(?:18|20|38)|5[0678]|6304|6390|67)/, digits: [12, 13, 14, 15, 16, 17, 18, 19] }, // Maestro
  { first: /^220[0-4]/, digits: [16, 17, 18, 19] }, // Mir
  { first: /^(?:60|65|508|81|82|353|356)/, digits: [16] }, // RuPay
  { first: /^9792/, digits: [16] }, // Troy
];

export function isCard(text: string): boolean {
  const digits = onlyDigits(text);
  if (/^(\d)\1+$/.test(digits) || !luhn(digits)) return false;
  return CARDS.some((card) => card.digits.includes(digits.length) && card.first.test(digits));
}

/** ISO 13616: mod 97, and the length and form of its country. */
export function isIban(text: string): boolean {
  return isValidIBAN(text.replaceAll(/[\s.-]/g, "").toUpperCase());
}

/** ISO 9362, of a country that there is. */
export const isBic = (text: string): boolean => isValidBIC(text);

/** ISO 6166: letters become numbers, then Luhn. */
export function isIsin(text: string): boolean {
  return luhn([...text.toUpperCase()].map((sign) => String(Number.parseInt(sign, 36))).join(""));
}

/** ISO 17442 and ISO 7064 (mod 97-10). */
export function isLei(text: string): boolean {
  let rest = 0;
  for (const sign of text.toUpperCase()) {
    for (const digit of String(Number.parseInt(sign, 36))) rest = (rest * 10 + Number(digit)) % 97;
  }
  return rest === 1;
}

/** Digits times weights, summed. */
function weighted(text: string, weights: readonly number[]): number {
  const digits = onlyDigits(text);
  return weights.reduce((sum, weight, at) => sum + weight * Number(digits[at] ?? 0), 0);
}

/** ABA routing number: weights 3, 7, 1, and one of the Federal Reserve's ranges. */
export function isRoutingNumber(text: string): boolean {
  const district = Number(text.slice(0, 2));
  const known = district <= 12 || (district >= 21 && district <= 32) || (district >= 61 && district <= 72);
  return known && district > 0 && weighted(text, [3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 === 0;
}

/** NHS Data Dictionary: weights 10 to 2, modulo 11. */
export function isNhsNumber(text: string): boolean {
  const digits = onlyDigits(text);
  const rest = 11 - (weighted(digits.slice(0, 9), [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11);
  return digits.length === 10 && rest !== 10 && rest % 11 === Number(digits[9]) && !/^(\d)\1+$/.test(digits);
}

/** US Social Security numbers since 2011: any but those that were never given out. */
export function isSsn(text: string): boolean {
  const digits = onlyDigits(text);
  const [area, group, serial] = [digits.slice(0, 3), digits.slice(3, 5), digits.slice(5)];
  const given = area !== "000" && area !== "666" && area < "900" && group !== "00" && serial !== "0000";
  // Printed on cards in wallets, and in advertisements.
  return digits.length === 9 && given && digits !== "078051120" && digits !== "219099999";
}

/** Medicare card of Australia: eight digits, their check, the issue. */
export function isAuMedicare(text: string): boolean {
  const digits = onlyDigits(text);
  return weighted(digits.slice(0, 8), [1, 3, 7, 9, 1, 3, 7, 9]) % 10 === Number(digits[8]);
}

/** National Provider Identifier: Luhn over the number with the prefix 80840 (45 CFR 162.406). */
export const isNpi = (text: string): boolean => luhn(`80840${text}`);

/** DEA number: the last digit of the odd ones and twice the even ones. */
export function isDea(text: string): boolean {
  return weighted(text.slice(2, 8), [1, 2, 1, 2, 1, 2]) % 10 === Number(text[8]);
}

/** ISO 3779 with the check digit of North America. */
export function isVin(text: string): boolean {
  const values = "0123456789.ABCDEFGH..JKLMN.P.R..STUVWXYZ";
  const weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
  const sum = [...text.toUpperCase()].reduce(
    (total, sign, at) => total + (values.indexOf(sign) % 10) * (weights[at] ?? 0),
    0,
  );
  return "0123456789X"[sum % 11] === text.toUpperCase()[8];
}

/** Luhn over 15 digits that are not all one (3GPP TS 23.003). */
export const isImei = (text: string): boolean => !/^(\d)\1+$/.test(onlyDigits(text)) && luhn(text);

/** Singapore NRIC and FIN: weights and a letter of the prefix's own row. */
export function isNric(text: string): boolean {
  const id = text.toUpperCase();
  const first = id.charAt(0);
  const offset = { S: 0, F: 0, T: 4, G: 4, M: 3 }[first] ?? 0;
  const letters = first === "M" ? "KLJNPQRTUWX" : first < "H" ? "XWUTRQPNMLK" : "JZIHGFEDCBA";
  const rest = (weighted(id.slice(1, 8), [2, 7, 6, 5, 4, 3, 2]) + offset) % 11;
  return (first === "M" ? letters[10 - rest] : letters[rest]) === id[8];
}

/** Resident identity card of China (GB 11643): a date within, and ISO 7064 mod 11-2. */
export function isChineseId(text: string): boolean {
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
  return "10X98765432"[weighted(text.slice(0, 17), weights) % 11] === text.toUpperCase()[17];
}

/** My Number of Japan: weights 2 to 7 from the right, modulo 11. */
export function isMyNumber(text: string): boolean {
  const digits = onlyDigits(text);
  const rest = weighted(digits.slice(0, 11), [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
  return Number(digits[11]) === (rest <= 1 ? 0 : 11 - rest);
}

/** SNILS of Russia: weights 9 to 1, modulo 101. */
export function isSnils(text: string): boolean {
  const digits = onlyDigits(text);
  return (weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101) % 100 === Number(digits.slice(9));
}

/** KVNR of Germany: letter as two digits, weights 1 and 2, cross sums. */
export function isKvnr(text: string): boolean {
  const id = text.toUpperCase();
  const digits = String(id.charCodeAt(0) - 64).padStart(2, "0") + id.slice(1, 9);
  const sum = [...digits].reduce((total, sign, at) => {
    const value = Number(sign) * (at % 2 === 0 ? 1 : 2);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === Number(id[9]);
}

/** ICAO 9303 check digit, weights 7, 3, 1, over the first `length` signs; the digit stands after them. */
function icao(length: number): (text: string) => boolean {
  return (text) => {
    const id = text.toUpperCase().replaceAll(/\s/g, "");
    const sum = Array.from(id.slice(0, length)).reduce(
      (total, sign, at) => total + (sign === "<" ? 0 : Number.parseInt(sign, 36)) * ([7, 3, 1][at % 3] ?? 0),
      0,
    );
    return sum % 10 === Number(id[length]);
  };
}

/** The identity card of Poland: weights 7, 3, 1 over all but the check digit, which is the fourth sign. */
export function isPolishIdCard(text: string): boolean {
  const id = text.toUpperCase().replaceAll(/\s/g, "");
  return icao(8)(id.slice(0, 3) + id.slice(4) + id.charAt(3));
}

/** RIB of France: account, branch and bank modulo 97. */
export function isRib(text: string): boolean {
  const id = text.toUpperCase().replaceAll(/[\s-]/g, "");
  // Letters stand for digits in threes of nine: A and J are 1, S is 2.
  const digits = id.replaceAll(/[A-Z]/g, (letter) => {
    const place = letter.charCodeAt(0) - 65;
    return String(place < 18 ? (place % 9) + 1 : ((place - 18) % 8) + 2);
  });
  return (
    digits.length === 23 &&
    (BigInt(digits.slice(0, 21)) * 100n) % 97n === (97n - BigInt(digits.slice(21))) % 97n
  );
}

/** An IPv4 address that says something about somebody: not of this machine, nor of nobody. */
export function isAddress4(text: string): boolean {
  const parts = text.split(".").map(Number);
  return (
    parts.every((part) => part <= 255) && text !== "0.0.0.0" && text !== "255.255.255.255" && parts[0] !== 127
  );
}

const onlyDigits = (text: string): string => text.replaceAll(/\D/g, "");

/** The check of a national number, by the country and the name that `stdnum` has for it. */
export function stdnum(country: string, name: string): (text: string) => boolean {
  let loaded: Validator | undefined;
  const load = (): Validator => (loaded ??= require(`stdnum/lib/cjs/${country}/${name}`) as Validator);
  knownNumbers.push(load);
  // Not every one takes the dots and dashes with which its number is written.
  return (text) => load().validate(text).isValid || load().validate(text.replaceAll(/[\s./-]/g, "")).isValid;
}

const knownNumbers: (() => unknown)[] = [];

/** Reads all that `stdnum` is asked for, so that no scan waits for it. */
export function loadStandardNumbers(): void {
  for (const load of knownNumbers) load();
}
