/** Insured persons, prescribers, records and devices. */
import { isAuMedicare, isDea, isKvnr, isNhsNumber, isNpi, stdnum } from "../checks.ts";
import { type PersonalKind, kind } from "../kind.ts";

export const HEALTH: readonly PersonalKind[] = [
  kind("health", "UK_NHS", String.raw`\d{3}[ -]?\d{3}[ -]?\d{4}`, {
    country: "GB",
    check: isNhsNumber,
    context: ["nhs", "national health", "health number", "patient"],
  }),
  kind("health", "UK_CHI", String.raw`(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d{6}`, {
    country: "GB",
    check: isNhsNumber,
    context: ["chi", "chi number"],
  }),
  kind("health", "US_NPI", String.raw`[12]\d{9}`, {
    country: "US",
    check: isNpi,
    context: ["npi", "national provider", "provider id"],
  }),
  kind("health", "US_DEA_NUMBER", String.raw`[A-HJ-NP-UX][A-Z9]\d{7}`, {
    country: "US",
    check: isDea,
    context: ["dea", "prescriber", "controlled substance"],
  }),
  kind(
    "health",
    "US_MBI",
    String.raw`[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}`,
    { country: "US", alone: true, context: ["medicare", "mbi", "beneficiary"] },
  ),
  kind("health", "US_MEDICAID_ID", "[A-Z]{0,2}\\d{8,12}[A-Z]?", { country: "US", context: ["medicaid"] }),
  kind("health", "AU_MEDICARE", String.raw`[2-6]\d{3}[ -]?\d{5}[ -]?\d(?:[ -/]?\d)?`, {
    country: "AU",
    check: isAuMedicare,
    context: ["medicare"],
  }),
  kind("health", "AU_IHI", String.raw`8003[ -]?6\d{3}[ -]?\d{4}[ -]?\d{4}`, {
    country: "AU",
    alone: true,
    context: ["ihi", "healthcare identifier"],
  }),
  kind("health", "CA_BC_HEALTH_NUMBER", String.raw`9\d{3}[ -]?\d{3}[ -]?\d{3}`, {
    country: "CA",
    check: stdnum("ca", "bc_bhn"),
    context: ["phn", "personal health number", "bc health", "care card", "msp"],
  }),
  kind("health", "CA_ONTARIO_HEALTH_CARD", String.raw`\d{4}[ -]?\d{3}[ -]?\d{3}(?:[ -]?[A-Z]{2})?`, {
    country: "CA",
    context: ["ohip", "ontario health", "health card"],
  }),
  kind("health", "CA_QUEBEC_HEALTH_NUMBER", String.raw`[A-Z]{4}[ -]?\d{4}[ -]?\d{4}`, {
    country: "CA",
    context: ["ramq", "assurance maladie", "quebec health", "health card"],
  }),
  kind("health", "DE_HEALTH_INSURANCE", String.raw`[A-Z]\d{9}`, {
    country: "DE",
    check: isKvnr,
    context: [
      "krankenversicherung",
      "krankenversichertennummer",
      "versichertennummer",
      "kvnr",
      "health insurance",
      "krankenkasse",
      "gesundheitskarte",
    ],
  }),
  kind("health", "AT_SOCIAL_INSURANCE", String.raw`\d{4}[ -]?\d{6}`, {
    country: "AT",
    check: stdnum("at", "vnr"),
    context: ["sozialversicherung", "svnr", "versicherungsnummer", "social insurance"],
  }),
  kind("health", "EU_HEALTH_CARD", String.raw`80\d{18}`, {
    context: ["ehic", "european health insurance", "health insurance card"],
  }),
  kind("health", "ES_HEALTH_CARD", String.raw`[A-Z]{4}\d{10,12}`, {
    country: "ES",
    context: ["tarjeta sanitaria", "cip", "seguridad social"],
  }),
  kind("health", "NZ_NHI", String.raw`[A-HJ-NP-Z]{3}\d{2}(?:\d{2}|[A-HJ-NP-Z]{2}\d?)`, {
    country: "NZ",
    context: ["nhi", "national health index"],
  }),
  kind("health", "FR_HEALTH_PROFESSIONAL", String.raw`\d{11}`, { country: "FR", context: ["rpps"] }),
  kind("health", "BR_HEALTH_CARD", String.raw`[12789]\d{2}[ ]?\d{4}[ ]?\d{4}[ ]?\d{4}`, {
    country: "BR",
    context: ["cns", "cartão sus", "cartao sus", "cartão nacional de saúde"],
    check: (text) =>
      [...text.replaceAll(" ", "")].reduce((sum, digit, at) => sum + Number(digit) * (15 - at), 0) % 11 === 0,
  }),
  kind("health", "IN_ABHA_NUMBER", String.raw`\d{2}-\d{4}-\d{4}-\d{4}`, {
    country: "IN",
    context: ["abha", "health id", "ayushman"],
  }),
  kind("health", "MEDICAL_RECORD_NUMBER", String.raw`[A-Z]{0,3}-?\d{5,12}`, {
    context: [
      "mrn",
      "medical record",
      "patient id",
      "patient number",
      "chart number",
      "hospital number",
      "medical record number",
    ],
  }),
  kind("health", "HEALTH_PLAN_NUMBER", String.raw`[A-Z]{1,4}-?\d{6,12}(?:-\d{2})?`, {
    context: [
      "member id",
      "subscriber id",
      "health plan",
      "insurance id",
      "policy holder",
      "insurance member",
    ],
  }),
  kind("health", "DIAGNOSIS_CODE", String.raw`[A-TV-Z]\d[\dA-Z](?:\.[\dA-Z]{1,4})?`, {
    context: ["icd", "icd-10", "icd10", "diagnosis code", "diagnosis"],
  }),
  kind("health", "DRUG_CODE", String.raw`\d{4,5}-\d{3,4}-\d{1,2}`, { context: ["ndc", "drug code"] }),
  kind("health", "BLOOD_TYPE", String.raw`(?:A|B|AB|O)(?:[+-]|\s(?:pos|neg)(?:itive|ative)?)`, {
    context: ["blood type", "blood group", "blutgruppe", "groupe sanguin"],
  }),
];
