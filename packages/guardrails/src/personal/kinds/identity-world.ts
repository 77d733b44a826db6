/** National ids and tax numbers of the Americas, Asia, Africa and Oceania. */
import { isChineseId, isMyNumber, isNric, isSsn, luhn, stdnum } from "../checks.ts";
import { type PersonalKind, kind } from "../kind.ts";

const id = (
  country: string,
  type: string,
  pattern: string,
  check: ((text: string) => boolean) | undefined,
  context: readonly string[],
  alone = false,
): PersonalKind => kind("identity", type, pattern, { country, context, alone, ...(check && { check }) });

const SSN_WORDS = ["ssn", "social security", "social security number", "social", "ss number", "ss#"];

export const WORLD: readonly PersonalKind[] = [
  id("US", "US_SSN", String.raw`\d{3}-\d{2}-\d{4}`, isSsn, SSN_WORDS, true),
  id("US", "US_SSN", String.raw`\d{3}[ .]?\d{2}[ .]?\d{4}`, isSsn, SSN_WORDS),
  id("US", "US_ITIN", String.raw`9\d{2}[- ]?(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])[- ]?\d{4}`, undefined, [
    "itin",
    "individual taxpayer",
    "tax id",
    "taxpayer",
  ]),
  id("US", "US_EIN", String.raw`\d{2}-?\d{7}`, stdnum("us", "ein"), [
    "ein",
    "employer identification",
    "federal tax id",
    "fein",
  ]),
  id("US", "US_PTIN", String.raw`P\d{8}`, undefined, ["ptin", "preparer"]),
  id("US", "US_ALIEN_NUMBER", String.raw`A ?-?\d{3}-?\d{3}-?\d{2,3}`, undefined, [
    "alien number",
    "alien registration",
    "uscis",
    "green card",
    "a-number",
  ]),
  id("US", "US_MILITARY_ID", String.raw`\d{10}`, undefined, ["dod id", "edipi", "military id"]),
  id("CA", "CA_SIN", String.raw`[1-79]\d{2}([- ]?)\d{3}\1\d{3}`, luhn, [
    "sin",
    "social insurance",
    "numéro d'assurance sociale",
    "nas",
  ]),
  id("CA", "CA_BUSINESS_NUMBER", String.raw`\d{9}(?:R[CMPT]\d{4})?`, stdnum("ca", "bn"), [
    "business number",
    "gst",
    "hst",
  ]),
  id(
    "MX",
    "MX_CURP",
    String.raw`[A-Z][AEIOUX][A-Z]{2}\d{2}[01]\d[0-3]\d[HMX][A-Z]{5}[0-9A-Z]\d`,
    stdnum("mx", "curp"),
    ["curp"],
    true,
  ),
  id(
    "MX",
    "MX_RFC",
    String.raw`[A-ZÑ&]{3,4}-?\d{2}[01]\d[0-3]\d-?[A-Z0-9]{2}[0-9A]`,
    stdnum("mx", "rfc"),
    ["rfc", "contribuyente"],
    true,
  ),
  id("MX", "MX_SOCIAL_SECURITY", String.raw`\d{11}`, luhn, ["imss", "nss", "seguro social"]),
  id("BR", "BR_CPF", String.raw`\d{3}\.\d{3}\.\d{3}-\d{2}`, stdnum("br", "cpf"), ["cpf"], true),
  id("BR", "BR_CPF", String.raw`\d{11}`, stdnum("br", "cpf"), ["cpf", "cadastro de pessoas"]),
  id(
    "BR",
    "BR_CNPJ",
    String.raw`[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-\d{2}`,
    stdnum("br", "cnpj"),
    ["cnpj"],
    true,
  ),
  id("BR", "BR_CNPJ", String.raw`\d{14}`, stdnum("br", "cnpj"), ["cnpj"]),
  id("BR", "BR_RG", String.raw`\d{1,2}\.?\d{3}\.?\d{3}-?[0-9X]`, undefined, [
    "rg",
    "registro geral",
    "identidade",
  ]),
  id("BR", "BR_PIS", String.raw`\d{3}\.?\d{5}\.?\d{2}-?\d`, (text) => pisCheck(text), [
    "pis",
    "pasep",
    "nis",
    "nit",
  ]),
  id("AR", "AR_DNI", String.raw`\d{1,2}\.?\d{3}\.?\d{3}`, stdnum("ar", "dni"), ["dni", "documento nacional"]),
  id(
    "AR",
    "AR_CUIT",
    String.raw`(?:20|23|24|27|30|33|34)-?\d{8}-?\d`,
    stdnum("ar", "cuit"),
    ["cuit", "cuil"],
    false,
  ),
  id("CL", "CL_RUT", String.raw`\d{1,2}\.\d{3}\.\d{3}-[\dkK]`, stdnum("cl", "rut"), ["rut", "run"], true),
  id("CL", "CL_RUT", String.raw`\d{7,8}-?[\dkK]`, stdnum("cl", "rut"), ["rut", "run"]),
  id("CO", "CO_NIT", String.raw`\d{3}\.?\d{3}\.?\d{3}-?\d`, stdnum("co", "nit"), ["nit"]),
  id("CO", "CO_CEDULA", String.raw`\d{1,3}(?:\.?\d{3}){2,3}`, undefined, [
    "cédula de ciudadanía",
    "cedula de ciudadania",
    "cédula",
  ]),
  id("PE", "PE_RUC", String.raw`[12]\d{10}`, stdnum("pe", "ruc"), ["ruc"]),
  id("PE", "PE_DNI", String.raw`\d{8}(?:-?[0-9A-K])?`, undefined, ["peru + dni", "cui"]),
  id("EC", "EC_CEDULA", String.raw`\d{9}-?\d`, stdnum("ec", "ci"), ["cédula", "cedula"]),
  id("EC", "EC_RUC", String.raw`\d{10}00\d`, stdnum("ec", "ruc"), ["ruc"]),
  id("UY", "UY_CEDULA", String.raw`\d\.?\d{3}\.?\d{3}-?\d`, stdnum("uy", "cedula"), [
    "cédula de identidad",
    "cedula de identidad",
    "cédula",
    "cedula",
  ]),
  id("PY", "PY_RUC", String.raw`\d{5,8}-\d`, stdnum("py", "ruc"), ["ruc"]),
  id("VE", "VE_RIF", String.raw`[VEJPG]-?\d{8}-?\d`, stdnum("ve", "rif"), ["rif"], true),
  id("DO", "DO_CEDULA", String.raw`\d{3}-?\d{7}-?\d`, stdnum("do", "cedula"), ["cédula", "cedula"]),
  id("CR", "CR_CEDULA", String.raw`[1-9]-?\d{4}-?\d{4}`, stdnum("cr", "cpf"), ["cédula", "cedula"]),
  id("GT", "GT_NIT", String.raw`\d{5,8}-?[\dK]`, stdnum("gt", "nit"), ["nit"]),
  id("CU", "CU_IDENTITY", String.raw`\d{2}[01]\d[0-3]\d{6}`, stdnum("cu", "ni"), [
    "carné de identidad",
    "carne de identidad",
  ]),

  id(
    "IN",
    "IN_AADHAAR",
    String.raw`[2-9]\d{3}([ -]?)\d{4}\1\d{4}`,
    stdnum("in", "aadhaar"),
    ["aadhaar", "aadhar", "uidai", "आधार"],
    false,
  ),
  id(
    "IN",
    "IN_PAN",
    String.raw`[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]`,
    stdnum("in", "pan"),
    ["pan", "permanent account", "income tax"],
    true,
  ),
  id(
    "IN",
    "IN_GSTIN",
    String.raw`[0-3]\d[A-Z]{5}\d{4}[A-Z][1-9A-Z][0-9A-Z]{2}`,
    stdnum("in", "gstin"),
    ["gstin", "gst"],
    true,
  ),
  id("IN", "IN_VOTER", String.raw`[A-Z]{3}\d{7}`, stdnum("in", "epic"), ["voter", "epic", "election"]),
  id("IN", "IN_VIRTUAL_ID", String.raw`\d{4} ?\d{4} ?\d{4} ?\d{4}`, stdnum("in", "vid"), [
    "aadhaar + virtual",
    "vid",
  ]),
  id("PK", "PK_CNIC", String.raw`\d{5}-\d{7}-\d`, stdnum("pk", "cnic"), ["cnic", "nadra"], true),
  id("BD", "BD_NATIONAL_ID", String.raw`\d{10}|\d{13}|\d{17}`, undefined, [
    "nid",
    "national id + bangladesh",
    "জাতীয় পরিচয়পত্র",
  ]),
  id("LK", "LK_NIC", String.raw`\d{9}[VXvx]|(?:19|20)\d{10}`, stdnum("lk", "nic"), ["nic", "sri lanka"]),
  id(
    "CN",
    "CN_RESIDENT_ID",
    String.raw`[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]`,
    isChineseId,
    ["身份证", "resident identity", "id card", "身份证号"],
    true,
  ),
  id(
    "CN",
    "CN_CREDIT_CODE",
    String.raw`[0-9A-HJ-NP-RTUWXY]{2}\d{6}[0-9A-HJ-NP-RTUWXY]{10}`,
    stdnum("cn", "uscc"),
    ["统一社会信用代码", "unified social credit"],
  ),
  id(
    "HK",
    "HK_HKID",
    String.raw`[A-Z]{1,2}\d{6}\([0-9A]\)`,
    stdnum("hk", "hkid"),
    ["hkid", "hong kong + id", "身份證"],
    true,
  ),
  id("TW", "TW_NATIONAL_ID", String.raw`[A-Z][12]\d{8}`, stdnum("tw", "natid"), [
    "taiwan",
    "身分證",
    "國民身分證",
  ]),
  id("TW", "TW_UBN", String.raw`\d{8}`, stdnum("tw", "ubn"), ["統一編號", "統編", "ubn"]),
  id("JP", "JP_MY_NUMBER", String.raw`\d{4}[ -]?\d{4}[ -]?\d{4}`, isMyNumber, [
    "my number",
    "mynumber",
    "マイナンバー",
    "個人番号",
  ]),
  id("JP", "JP_CORPORATE_NUMBER", String.raw`[1-9]\d{12}`, stdnum("jp", "cn"), [
    "法人番号",
    "corporate number",
  ]),
  id(
    "KR",
    "KR_RRN",
    String.raw`\d{2}[01]\d[0-3]\d-[1-8]\d{6}`,
    stdnum("kr", "rrn"),
    ["주민등록번호", "rrn", "resident registration"],
    true,
  ),
  id("KR", "KR_BUSINESS_NUMBER", String.raw`\d{3}-\d{2}-\d{5}`, stdnum("kr", "brn"), [
    "사업자등록번호",
    "business registration",
    "brn",
  ]),
  id("SG", "SG_NRIC_FIN", String.raw`[STFGMstfgm]\d{7}[A-Za-z]`, isNric, ["nric", "fin", "singapore"], true),
  id(
    "SG",
    "SG_UEN",
    String.raw`(?:\d{8}[A-Z]|\d{9}[A-Z]|[TSR]\d{2}[A-Z]{2}\d{4}[A-Z])`,
    stdnum("sg", "uen"),
    ["uen", "unique entity"],
  ),
  id(
    "MY",
    "MY_NRIC",
    String.raw`\d{2}[01]\d[0-3]\d-\d{2}-\d{4}`,
    stdnum("my", "nric"),
    ["mykad", "nric", "kad pengenalan", "ic number"],
    true,
  ),
  id("ID", "ID_NIK", String.raw`\d{6}[0-7]\d[01]\d{7}`, undefined, ["nik", "ktp", "kartu tanda penduduk"]),
  id("ID", "ID_NPWP", String.raw`\d{2}\.?\d{3}\.?\d{3}\.?\d-?\d{3}\.?\d{3}`, stdnum("id", "npwp"), ["npwp"]),
  id("TH", "TH_TNIN", String.raw`[1-8]-?\d{4}-?\d{5}-?\d{2}-?\d`, stdnum("th", "idnr"), [
    "เลขประจำตัวประชาชน",
    "thai + id",
    "thai national",
  ]),
  id("VN", "VN_TAX_CODE", String.raw`\d{10}(?:-\d{3})?`, stdnum("vn", "mst"), [
    "mã số thuế",
    "ma so thue",
    "mst",
  ]),
  id("VN", "VN_CITIZEN_ID", String.raw`0\d{2}[0-9]\d{8}`, undefined, ["cccd", "căn cước", "can cuoc"]),
  id("PH", "PH_TIN", String.raw`\d{3}-\d{3}-\d{3}(?:-\d{3,5})?`, undefined, ["tin", "philippine"]),
  id("PH", "PH_SSS", String.raw`\d{2}-\d{7}-\d`, undefined, ["sss"]),
  id("IL", "IL_ID_NUMBER", String.raw`\d{8,9}`, stdnum("il", "idnr"), [
    "teudat zehut",
    "תעודת זהות",
    "ת.ז",
    "israeli + id",
  ]),
  id("SA", "SA_NATIONAL_ID", String.raw`[12]\d{9}`, luhn, ["saudi", "iqama", "الهوية"]),
  id(
    "AE",
    "AE_EMIRATES_ID",
    String.raw`784-?(?:19|20)\d{2}-?\d{7}-?\d`,
    luhn,
    ["emirates id", "الهوية"],
    true,
  ),
  id("EG", "EG_NATIONAL_ID", String.raw`[23]\d{2}[01]\d[0-3]\d{8}`, undefined, [
    "egyptian + id",
    "egypt + national",
    "الرقم القومي",
  ]),
  id("IR", "IR_NATIONAL_CODE", String.raw`\d{10}`, (text) => iranCheck(text), [
    "کد ملی",
    "kod melli",
    "code melli",
    "iranian + national",
  ]),
  id("KZ", "KZ_IIN", String.raw`\d{2}[01]\d[0-3]\d{7}`, undefined, ["иин", "жсн", "iin"]),
  id("AZ", "AZ_TAX_NUMBER", String.raw`\d{9}[12]`, stdnum("az", "tin"), ["vöen", "voen", "azerbaijan + tax"]),

  id("ZA", "ZA_ID_NUMBER", String.raw`\d{2}[01]\d[0-3]\d ?\d{4} ?[01]\d{2}`, stdnum("za", "idnr"), [
    "south african",
    "id number",
    "said",
    "rsa id",
    "identity number",
  ]),
  id("ZA", "ZA_TAX_NUMBER", String.raw`[01239]\d{9}`, stdnum("za", "tin"), [
    "sars",
    "income tax",
    "tax reference",
  ]),
  id("NG", "NG_NIN", String.raw`\d{11}`, undefined, ["nin", "national identification number", "nimc"]),
  id("NG", "NG_BVN", String.raw`22\d{9}`, undefined, ["bvn", "bank verification"]),
  id("KE", "KE_KRA_PIN", String.raw`[AP]\d{9}[A-Z]`, stdnum("ke", "pin"), ["kra", "kra pin"], true),
  id("KE", "KE_NATIONAL_ID", String.raw`\d{7,8}`, undefined, ["kenya + id", "kenyan + id"]),
  id("GH", "GH_CARD", String.raw`GHA-\d{9}-\d`, undefined, ["ghana card"], true),
  id("MA", "MA_CIN", String.raw`[A-Z]{1,2}\d{5,6}`, undefined, ["cin", "moroccan + id", "maroc + carte"]),
  id("TN", "TN_TAX_NUMBER", String.raw`\d{7}/?[A-Z]/?[ABPDN]/?[CMNPE]/?\d{3}`, stdnum("tn", "mf"), [
    "matricule fiscal",
  ]),
  id("MU", "MU_NATIONAL_ID", String.raw`[A-Z][0-3]\d[01]\d{8}[0-9A-Z]{2}`, stdnum("mu", "nid"), [
    "mauritius",
    "nic",
  ]),

  id("AU", "AU_TFN", String.raw`\d{3}[ -]?\d{3}[ -]?\d{2,3}`, stdnum("au", "tfn"), ["tfn", "tax file"]),
  id("AU", "AU_ABN", String.raw`\d{2} ?\d{3} ?\d{3} ?\d{3}`, stdnum("au", "abn"), ["abn", "business number"]),
  id("AU", "AU_ACN", String.raw`\d{3} ?\d{3} ?\d{3}`, stdnum("au", "acn"), ["acn", "company number"]),
  id("NZ", "NZ_IRD", String.raw`\d{2,3}-?\d{3}-?\d{3}`, stdnum("nz", "ird"), ["ird", "inland revenue"]),
];

/** PIS of Brazil: weights 3, 2, 9 to 2, modulo 11. */
function pisCheck(text: string): boolean {
  const digits = text.replaceAll(/\D/g, "");
  const weights = [3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
  const rest = weights.reduce((sum, weight, at) => sum + weight * Number(digits[at]), 0) % 11;
  return Number(digits[10]) === (rest < 2 ? 0 : 11 - rest);
}

/** National code of Iran: weights 10 to 2, modulo 11. */
function iranCheck(text: string): boolean {
  const rest =
    Array.from(text.slice(0, 9)).reduce((sum: number, digit, at) => sum + Number(digit) * (10 - at), 0) % 11;
  return Number(text[9]) === (rest < 2 ? rest : 11 - rest) && !/^(\d)\1+$/.test(text);
}
