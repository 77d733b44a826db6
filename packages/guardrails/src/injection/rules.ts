/**
 * Rules that need no model: each has a name, says what it is for, and finds a place.
 *
 * In: a text as it is read (normalised, or a decoded view of it). Out: places in that text. Every pattern has bounded repeats, so that the work is
 * linear in the text. Rules on ideas (`lexicon.ts`) hold in every language of the lexicon; the others are in English, which
 * attacks on assistants are mostly written in, and in what the formats of chat have in common.
 */
import type { Direction } from "../detector.ts";
import { IDEAS, type Idea, UNSPACED, ideaAt, ideaOf } from "./lexicon.ts";

export type InjectionType = "prompt_injection" | "jailbreak";

export interface Match {
  readonly rule: string;
  readonly type: InjectionType;
  readonly start: number;
  readonly end: number;
  readonly score: number;
}

interface Rule {
  readonly name: string;
  readonly type: InjectionType;
  readonly score: number;
  /** Left out: every direction. */
  readonly only?: readonly Direction[];
  readonly pattern: RegExp;
}

/** What a person takes back of their own, or of the shop's: "ignore my previous message", "forget the previous orders". */
const TAKEN_BACK = String.raw`(?!(?:(?:my|any of my|all of my)\s+(?:\w+\s+){0,2}(?:orders?|messages?)|(?:the|this|that|those)\s+(?:\w+\s+){0,2}(?:orders?|message))\b(?!\s*(?:,|and|or)\s*(?:all|any|your|the|instructions?|rules|prompts?)\b|\s+(?:you|from the system|of the system)\b))`;
/** What follows instructions or a message that came with a thing: "the system message on my washing machine". */
const OF_A_THING = String.raw`(?!\s+(?:on|from|of|for|at|about|inside|in)\s+(?:my|our|the|a|an|this|that|these|those|\w+ing)\b(?!\s+(?:chat|conversation|session|prompt|context|bot|assistant|ai|model|system|developer|user)))`;
/** What makes a rule about secrets of a secret: "your password policy". */
const ABOUT_SECRETS = String.raw`(?!\s+(?:\w+\s+)?(?:polic(?:y|ies)|rules?|requirements?|reset|resets|rotation|length|manager|managers|expiry|expiration|recovery|process|format|strength|guidelines?)\b)`;
const AIMS =
  "instructions?|prompts?|rules|guidelines|directives?|programming|orders|commands|messages?|directions|constraints|polic(?:y|ies)|tasks?";
const SECRETS =
  "passwords?|pass ?codes?|passphrases?|secret (?:key|code|phrase|word)|access (?:key|code|token)|api[ _-]?keys?|credentials|private key";
const VERB =
  "add|append|include|insert|integrate|incorporate|embed|weave|mention|augment|enhance|modify|end|begin|start|finish|write|provide|give|encode|encrypt|translate|reverse|replace|rewrite|render|express|format|deliver|convert|jumble|scramble|shift|misspell|anagram|use|apply|suggest|promote";

const RULES: readonly Rule[] = [
  {
    name: "override",
    type: "prompt_injection",
    score: 0.95,
    pattern: new RegExp(
      `\\b(?:ignore|ignoring|disregard|forget|override|overrule|neglect|discard|do not follow|don't follow|stop following)\\s+${TAKEN_BACK}(?:(?:all|any|of|the|your|my|these|those|every|previous|prior|preceding|above|earlier|former|existing|current|initial|original|system|and|or|other|safety|given|past)\\s+){1,6}(?:${AIMS})\\b`,
      "gi",
    ),
  },
  {
    name: "override",
    type: "prompt_injection",
    score: 0.9,
    pattern:
      /\b(?:ignore|disregard|forget)\s+(?:everyth?ing|all|what(?:ever)?|the above|anything)\b(?=\s*(?:$|[.,;:!]|above|before|previous|you|that|and (?:say|do|give|repeat|tell|print|state)|i (?:said|told)|prior|said))/gi,
  },
  {
    name: "override",
    type: "prompt_injection",
    score: 0.85,
    pattern:
      /\b(?:ignore|disregard|forget)\s+(?:the|this|that|these|what)\s+(?:[\w'-]{1,20}\s+){0,3}and\s+(?:say|state|write|print|respond|reply|output|repeat)\b/gi,
  },
  {
    name: "override without spaces",
    type: "prompt_injection",
    score: 0.9,
    pattern:
      /(?:ignore|disregard|forget)(?:all|any|the|your|my){0,3}(?:previous|prior|above|earlier)(?:instruction|prompt|rule|direction)/gi,
  },
  {
    name: "regardless of the task",
    type: "prompt_injection",
    score: 0.7,
    pattern:
      /\b(?:regardless of|instead of|irrespective of)\s+(?:all |any |your |the ){0,2}(?:previous|prior|earlier|original|above)\s+(?:tasks?|instructions?|rules|prompts?)\b/gi,
  },
  {
    name: "prompt extraction",
    type: "prompt_injection",
    score: 0.9,
    pattern: new RegExp(
      `\\b(?:reveal|show|print|repeat|output|display|tell|give|share|leak|dump|what (?:is|are|was|were)|summari[sz]e|translate|recite|copy)\\b[^.?!\\n]{0,50}\\b(?:your|the|its)\\s+(?:entire |full |complete |exact |own ){0,2}(?:system|initial|original|hidden|internal|secret|developer|custom|base)\\s+(?:prompt|instructions?|message|directives?|rules|configuration)\\b${OF_A_THING}`,
      "gi",
    ),
  },
  {
    name: "prompt extraction",
    type: "prompt_injection",
    score: 0.85,
    pattern:
      /\b(?:repeat|print|output|copy|recite|echo)\s+(?:all |every |the |verbatim ){0,3}(?:words?|text|everything|lines?|content|messages?|instructions?)\s+(?:that (?:are|is) )?(?:above|before this|so far)\b/gi,
  },
  {
    name: "secret asked for",
    type: "prompt_injection",
    score: 0.8,
    only: ["input", "tool_result"],
    pattern: new RegExp(
      `\\b(?:what(?:'s| is| was| are)|tell me|give me|share|reveal|confirm|show me|print|disclose|send me|provide)\\s+(?:with me |to me |me ){0,1}(?:your|the system's|our system's)\\s+(?:\\w+ ){0,1}(?:${SECRETS})\\b${ABOUT_SECRETS}`,
      "gi",
    ),
  },
  {
    name: "role change",
    type: "jailbreak",
    score: 0.9,
    pattern:
      /\b(?:do anything now|developer mode (?:enabled|output|on)|(?:jailbreak|jailbroken|dan|god|evil|unrestricted|unfiltered) mode|stay in character|(?:(?:is|are|was|were|been|have|has|an?|model|ai|bot) (?:now |completely |entirely |fully )?)(?:free|freed|broken free) (?:of|from) (?:all |any |its |the |their ){0,2}(?:typical |usual )?(?:restrictions|filters|limits|limitations|confines|rules|guidelines|shackles)|without (?:any )?(?:restrictions|filters|censorship|moral|ethical)[^.\n]{0,30}(?:answer|respond|reply|say|ai\b|model))/gi,
  },
  {
    name: "role change",
    type: "jailbreak",
    score: 0.85,
    pattern:
      /\b(?:you are now|from now on,? you (?:are|will|must|shall|act)|you(?:'re| are) going to (?:act|pretend|play|be)|act(?:ing)? as|pretend (?:to be|you(?:'re| are))|you (?:will|must) (?:now )?(?:act|play|pretend|behave|become))\b[^\n]{0,160}\b(?:unfiltered|uncensored|unrestricted|amoral|immoral|unethical|jail(?:break|broken)|dan\b|no (?:rules|restrictions|filters?|limits|limitations|ethic\w*|moral\w*|guidelines)|not (?:bound|restricted|limited)|do(?:es)? not (?:follow|abide|obey|care|have to)|never (?:refuse|say no|warn))/gi,
  },
  {
    name: "never refuse",
    type: "jailbreak",
    score: 0.8,
    pattern:
      /\b(?:never|do not|don't|cannot|can't|must not|won't|will not)\s+(?:ever )?(?:refuse|decline|reject|deny)\b[^.\n]{0,60}\b(?:request|question|answer|command|instruction|prompt|order|anything)|\b(?:without|no|not? (?:give|add|include)) (?:any )?(?:warnings?|disclaimers?|moraliz\w+)[^.\n]{0,60}\b(?:illegal|unethical|harmful|immoral)/gi,
  },
  {
    name: "template of a prompt",
    type: "jailbreak",
    score: 0.7,
    only: ["input"],
    pattern:
      /\[(?:your |the |insert |enter |my )?(?:prompt|target ?language|question|request|command)(?: here| goes here)?\]/gi,
  },
  {
    name: "chat delimiter",
    type: "prompt_injection",
    score: 0.9,
    only: ["input", "tool_result"],
    pattern:
      /<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id|eot_id)\|>|\[\/?INST\]|<<\/?SYS>>|<\/?(?:system|assistant)(?:[ _-](?:prompt|message|mode|instructions?))?>|\[(?:system|admin|developer)(?: (?:mode|message|override|prompt|note))\]|^#{2,4} ?(?:system|new instructions?|end of context)\b|-{3,} ?(?:end of|begin(?:ning)? of) (?:system|user|context|prompt|instructions?|document)/gim,
  },
  {
    name: "a speaker in a text",
    type: "prompt_injection",
    score: 0.8,
    only: ["tool_result"],
    pattern:
      /(?:^|[.!?>"'])\s{0,4}(?:SYSTEM|ASSISTANT|DEVELOPER)(?: (?:MESSAGE|NOTE|PROMPT|OVERRIDE|UPDATE))?: {0,2}(?:[\p{L}'’,-]{1,30} ){3}[^\n]{0,200}/gmu,
  },
  {
    name: "made-up turns",
    type: "prompt_injection",
    score: 0.75,
    only: ["input"],
    pattern:
      /(?:^|[\s"'])(?:Q|User|Human|Question) ?: ?[^\n]{3,300}?\s(?:A|Assistant|AI|Answer|Bot) ?: ?[^\n]{3,400}?\s(?:Q|User|Human|Question) ?:/gi,
  },
  {
    name: "one text over and over",
    type: "prompt_injection",
    score: 0.75,
    only: ["input"],
    // What people say over and over when they laugh, beg or thank is left to the model.
    pattern:
      /(?:^|\s)((?!\d|(?:ha|la|please|sorry|thanks?|very|really)\b)[\p{L}]{3,20}(?: [\p{L}]{1,20}){0,3})(?:[\s,.]+\1){7}/giu,
  },
  {
    name: "parts to be joined",
    type: "prompt_injection",
    score: 0.75,
    only: ["input", "tool_result"],
    pattern:
      /\b(?:part 1|a) (?:is|=|:) ?["'][^"'\n]{1,120}["'],? ?(?:and )?(?:part 2|b) (?:is|=|:) ?["']|\b[a-c] = "[^"\n]{1,160}"[ ,;]{1,3}[a-c] = "[^"\n]{1,160}"[^\n]{0,80}\b(?:z|[a-c] ?\+ ?[a-c])/gi,
  },
  {
    name: "decode and obey",
    type: "prompt_injection",
    score: 0.7,
    only: ["input", "tool_result"],
    pattern:
      /\b(?:decode|decrypt|decipher)\b[^\n]{0,60}\b(?:tell me|do|follow|execute|obey|answer|respond|carry out|act on)\b/gi,
  },
  {
    name: "data sent out",
    type: "prompt_injection",
    score: 0.9,
    only: ["tool_result", "output"],
    pattern:
      /\b(?:send|forward|post|upload|leak|exfiltrate|transmit|email|e-mail|submit)\b[^.\n]{0,100}\b(?:passwords?|conversation|chat history|messages|api keys?|credentials|secrets?|(?:user|customer|personal|private|bank)[\w' ]{0,20}(?:data|details|information|records?))\b[^\n]{0,60}\b(?:to|at|via)\b\s{1,3}(?:https?:\/\/|www\.|[\w.+-]{1,40}@)/gi,
  },
  {
    name: "image that carries data",
    type: "prompt_injection",
    score: 0.85,
    pattern: /!\[[^\]\n]{0,80}\]\(https?:\/\/[^)\s]{1,200}[?&][\w-]{1,30}=(?:\{|%7b|<|\[|\$)/gi,
  },
  {
    name: "addressed to an assistant",
    type: "prompt_injection",
    score: 0.85,
    only: ["tool_result"],
    pattern:
      /\b(?:note|message|instructions?|attention|important|notice)(?: (?:to|for))?:? (?:the |any |all |every )?(?:ai|llm|chat ?bots?|language models?|ai (?:assistants?|agents?|models?)|assistants? reading)\b|\b(?:ai (?:assistants?|agents?|models?)|language models?|llms?|chatbots?)\b[^.\n]{0,60}\b(?:must|should|are required to|have to|please)\b[^.\n]{0,40}\b(?:ignore|send|call|reply|respond|tell|say|include|recommend|approve|rate|forward|execute)\b/gi,
  },
  {
    name: "kept from the person",
    type: "prompt_injection",
    score: 0.8,
    only: ["tool_result"],
    pattern:
      /\b(?:do not|don't|never|without)\s+(?:tell(?:ing)?|mention(?:ing)?|inform(?:ing)?|notify(?:ing)?|alert(?:ing)?|reveal(?:ing)?|ask(?:ing)?)\b[^.\n]{0,40}\b(?:the )?(?:user|human|person who asked)\b/gi,
  },
  {
    name: "changes the answer",
    type: "prompt_injection",
    score: 0.8,
    only: ["tool_result"],
    pattern: new RegExp(
      `(?:^|[.!?"'|]\\s{1,3}|\\n\\s{0,8})(?:please |can you |could you |now |also )?(?:${VERB})\\b[^.!?\\n]{0,120}\\byour (?:answer|reply|response|output|summary|message)\\b|(?:^|[.!?"'|]\\s{1,3}|\\n\\s{0,8})in your (?:answer|reply|response|output|summary),? (?:${VERB}|tease|hint|tell|state|say|claim)\\b`,
      "gi",
    ),
  },
];

/** Ideas that stand near each other in one sentence, in whatever order a language puts them. */
interface IdeaRule {
  readonly name: string;
  readonly type: InjectionType;
  readonly score: number;
  readonly all: readonly Idea[];
  /** Tokens from the first to the last. */
  readonly within: number;
}

const IDEA_RULES: readonly IdeaRule[] = [
  {
    name: "override, by ideas",
    type: "prompt_injection",
    score: 0.8,
    all: ["ignore", "prior", "instruction"],
    within: 7,
  },
];

/** What is bought has the name of what is commanded in some languages; where it is meant so, other rules and the model see it. */
const PURCHASE = /^(?:orders?|ordern|ordrer?|ordren)$/;

const TOKEN = /[\p{L}\p{M}\p{N}_]+|[.!?。！？।]/gu;

/** The ideas of a text with their places; a sentence's end is -1. */
function ideasOf(text: string): { idea: number; token: number; start: number; end: number }[] {
  const found: { idea: number; token: number; start: number; end: number }[] = [];
  let token = 0;
  for (const match of text.matchAll(TOKEN)) {
    const word = match[0].toLowerCase();
    const start = match.index;
    if (/^[.!?。！？।]$/.test(word)) found.push({ idea: -1, token, start, end: start + 1 });
    else if (!UNSPACED.test(word)) {
      token += 1;
      const idea = ideaOf(word);
      if (idea >= 0 && !PURCHASE.test(word)) found.push({ idea, token, start, end: start + word.length });
    } else {
      for (let at = 0; at < word.length;) {
        const { idea, size } = ideaAt(word, at);
        token += 0.5;
        if (idea >= 0) found.push({ idea, token, start: start + at, end: start + at + size });
        at += size;
      }
    }
  }
  return found;
}

function matchIdeas(text: string): Match[] {
  const matches: Match[] = [];
  const placed = ideasOf(text);
  for (const { all, within, name, type, score } of IDEA_RULES) {
    const wanted = all.map((idea) => IDEAS.indexOf(idea));
    for (const [i, first] of placed.entries()) {
      if (!wanted.includes(first.idea)) continue;
      const missing = new Set(wanted);
      for (let k = i; k < placed.length; k += 1) {
        const next = placed[k] as (typeof placed)[number];
        if (next.idea < 0 || next.token - first.token > within) break;
        missing.delete(next.idea);
        if (missing.size > 0) continue;
        matches.push({ rule: name, type, score, start: first.start, end: next.end });
        break;
      }
    }
  }
  return matches;
}

/** At most this many places of one rule: who reads them needs no more. */
/** Of one rule in one text; one more, and all from there on counts as found. */
const MATCHES_MAX = 20;

/** Every place of a text that a rule of its direction finds, in no order. */
export function matchRules(text: string, direction: Direction): Match[] {
  const ideas = matchIdeas(text);
  const matches = ideas.slice(0, MATCHES_MAX);
  const more = ideas[MATCHES_MAX];
  if (more) matches.push({ ...more, end: text.length });
  for (const { name, type, score, only, pattern } of RULES) {
    if (only !== undefined && !only.includes(direction)) continue;
    let found = 0;
    for (const match of text.matchAll(pattern)) {
      found += 1;
      const end = found > MATCHES_MAX ? text.length : match.index + match[0].length;
      matches.push({ rule: name, type, score, start: match.index, end });
      if (found > MATCHES_MAX) break;
    }
  }
  return matches;
}
