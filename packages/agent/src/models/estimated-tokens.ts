const CHARACTERS_A_TOKEN = 4;

/** About how many tokens a text has. */
export const estimatedTokens = (characters: number): number => Math.ceil(characters / CHARACTERS_A_TOKEN);
