/** Ten books, written by nobody: titles, authors and blurbs belong to this seed. */
import type { SeedProduct } from "./product.ts";

const category = "Books";

function book(
  name: string,
  author: string,
  price: number,
  pages: number,
  description: string,
  keywords: string,
): SeedProduct {
  return {
    name,
    brand: author,
    category,
    price,
    motif: "book",
    description,
    specs: { Author: author, Format: "Paperback", Pages: String(pages), Language: "English" },
    keywords: `book reading paperback ${keywords}`,
  };
}

export const books: readonly SeedProduct[] = [
  book(
    "Small Programs, Long Lives",
    "Ines Okafor",
    3999,
    312,
    "Why some software is still running after thirty years and most is not after three. Case studies from ports, libraries and one lighthouse, and the habits they share.",
    "software engineering programming maintenance code",
  ),
  book(
    "The Quiet Database",
    "Tomas Lindqvist",
    4999,
    438,
    "Transactions, isolation and recovery explained with one story per chapter. By the end you know what your database promises, what it does not, and which of the two you rely on.",
    "software sql postgres storage programming",
  ),
  book(
    "Debugging by Daylight",
    "Priya Raman",
    3499,
    264,
    "A method for finding faults without luck: write down what must be true, halve the distance, keep a log. With forty real faults to practise on.",
    "software programming bugs testing engineering",
  ),
  book(
    "Interfaces Between People",
    "Marcus Bell",
    2999,
    228,
    "Teams break where they meet, like programs do. How to write the page that two groups can both keep to, and how to change it when it turns out wrong.",
    "software teams management leadership communication",
  ),
  book(
    "Ship It on a Tuesday",
    "Hana Kobayashi",
    3299,
    276,
    "Releasing often, in daylight, with a way back. A practical book on pipelines, feature switches and calm, for teams that have learned to fear Fridays.",
    "software devops release deployment continuous delivery",
  ),
  book(
    "Trust, but Log It",
    "Daniel Achterberg",
    4499,
    356,
    "Identity, permission and audit for people who build systems that act for other people. Short chapters, each with one attack and the rule that would have stopped it.",
    "software security identity audit authorization",
  ),
  book(
    "One Hour Before Breakfast",
    "Clara Whitfield",
    1899,
    192,
    "A small book about mornings: what to do with the first hour, what to leave out, and how to keep it when children, trains and winter disagree.",
    "self help habits productivity routine morning",
  ),
  book(
    "Enough Is a Number",
    "Samuel Adeyemi",
    2199,
    240,
    "Money, time and the art of stopping. Worksheets to find what you need, stories of people who found it, and a gentle case for the smaller house.",
    "self help money finance minimalism budget",
  ),
  book(
    "The Kind No",
    "Lucia Ferrante",
    1699,
    176,
    "Turning things down without turning people away. Forty ready sentences for work, family and friends, and the thinking that lets you mean them.",
    "self help boundaries communication relationships assertive",
  ),
  book(
    "Attention Is a Garden",
    "Oliver Nakagawa",
    2499,
    288,
    "Focus is grown, not forced. What to plant, what to weed, and why boredom is compost: a year of experiments with phones, rooms and walks.",
    "self help focus concentration mindfulness productivity",
  ),
];
