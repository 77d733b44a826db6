/** Plates, chassis and papers of vehicles. A plate is found beside a word for it, since its shape is that of many codes. */
import { isVin } from "../checks.ts";
import { type PersonalKind, kind } from "../kind.ts";

const PLATE = [
  "plate",
  "license plate",
  "licence plate",
  "number plate",
  "vehicle registration",
  "car registration",
  "registration number",
  "vrn",
];

function plate(country: string, pattern: string, own: readonly string[]): PersonalKind {
  return kind("vehicle", `${country}_LICENSE_PLATE`, pattern, { country, context: own });
}

export const VEHICLES: readonly PersonalKind[] = [
  kind("vehicle", "VEHICLE_VIN", "[A-HJ-NPR-Z0-9]{17}", {
    check: (text) => isVin(text) && /[A-Z]/.test(text) && /\d{3}/.test(text),
    context: ["vin", "chassis", "vehicle identification", "vehicle"],
  }),
  kind(
    "vehicle",
    "LICENSE_PLATE",
    String.raw`(?=[A-Z-]*\d)(?=[\d -]*[A-Z])[A-Z0-9]{1,4}(?:[- ][A-Z0-9]{1,4}){0,2}`,
    { context: PLATE, check: (text) => text.replaceAll(/\W/g, "").length >= 5 },
  ),
  plate("GB", String.raw`[A-Z]{2}\d{2} ?[A-Z]{3}`, [...PLATE, "reg"]),
  plate("DE", String.raw`[A-ZÄÖÜ]{1,3}[- ][A-Z]{1,2}[- ]?\d{1,4}[EH]?`, [
    "kennzeichen",
    "nummernschild",
    "german + plate",
  ]),
  plate("FR", String.raw`[A-HJ-NP-TV-Z]{2}-\d{3}-[A-HJ-NP-TV-Z]{2}`, [...PLATE, "immatriculation", "plaque"]),
  plate("ES", String.raw`\d{4} ?[BCDFGHJKLMNPRSTVWXYZ]{3}`, [...PLATE, "matrícula", "matricula"]),
  plate("IT", String.raw`[A-HJ-NPR-TV-Z]{2} ?\d{3} ?[A-HJ-NPR-TV-Z]{2}`, [...PLATE, "targa"]),
  plate("NL", String.raw`[A-Z0-9]{1,3}-[A-Z0-9]{2,3}-[A-Z0-9]{1,2}`, [
    "kenteken",
    "nummerplaat",
    "dutch + plate",
  ]),
  plate("PL", String.raw`[A-Z]{2,3} ?[0-9A-Z]{4,5}`, [
    "tablica rejestracyjna",
    "numer rejestracyjny",
    "polish + plate",
  ]),
  plate("SE", String.raw`[A-Z]{3} ?\d{2}[A-Z0-9]`, ["registreringsnummer", "regnummer", "swedish + plate"]),
  plate("PT", String.raw`(?:[A-Z]{2}|\d{2})-(?:[A-Z]{2}|\d{2})-(?:[A-Z]{2}|\d{2})`, [
    "matrícula",
    "matricula",
    "portuguese + plate",
  ]),
  plate("BR", String.raw`[A-Z]{3}-?\d[A-Z0-9]\d{2}`, ["placa", "brazilian + plate"]),
  plate("IN", String.raw`[A-Z]{2}[ -]?\d{1,2}[ -]?[A-Z]{1,3}[ -]?\d{4}`, [
    ...PLATE,
    "vehicle number",
    "vehicle",
    "rc",
  ]),
  plate("AU", String.raw`[A-Z]{3}[ -]?\d{3}|[A-Z]{2}[ -]?\d{2}[ -]?[A-Z]{2}`, ["rego", "australian + plate"]),
  plate("US", String.raw`[A-Z0-9]{2,4}[- ]?[A-Z0-9]{3,4}`, ["license plate", "tag number"]),
  plate("RU", String.raw`[АВЕКМНОРСТУХ]\d{3}[АВЕКМНОРСТУХ]{2} ?\d{2,3}`, ["номер", "госномер", "plate"]),
  plate("IE", String.raw`\d{2,3}-[A-Z]{1,2}-\d{1,6}`, PLATE),
  kind("vehicle", "US_VEHICLE_TITLE", String.raw`[A-Z0-9]{8,17}`, {
    country: "US",
    context: ["vehicle title number", "title number"],
    check: (text) => /\d{4}/.test(text),
  }),
];
