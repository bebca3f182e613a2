/**
 * Phrases that `npm run check` refuses in comments, messages, test titles and Markdown, each with a plainer
 * way. A reader should understand each sentence at the first reading.
 */
export const PATTERNS = [
  { pattern: /(?:^|[.:;!?] )(?:Who|Whoever|Whatever)\b(?![^.]*\?)/, advice: 'begin with a noun; write if or when' },
  { pattern: /\b[Ww]ho(?:m)?ever\b/, advice: 'name the actor: a caller, the kernel, a process' },
  { pattern: /\b(?:to|for|by|from|of|with) (?:who|whom)\b/, advice: 'name the actor' },
  { pattern: /^(?:What|Which|Where|Whose)\b(?![^.]*\?)/, advice: 'begin with a noun or a verb' },
  { pattern: /^That (?:an?|the|it|they|there|this|no|nothing|nobody|what)\b/, advice: 'begin with a noun or a verb' },
  {
    pattern: /^(?:Once|Never|Both|The same|The last one|In good order|As above)\.|^So (?:long|many|much)\b/,
    advice: 'write a sentence with a noun or a verb',
  },
  {
    pattern: /\. (?:That it|What (?:is|was|has|a|the|it))\b(?![^.]*\?)/,
    advice: 'a clause is no subject; name the thing',
  },
  { pattern: /\b(?:he|his|him|she|hers?)\b/i, advice: 'they, or the name of the actor' },
  { pattern: /\bmay not\b/, advice: 'cannot, or must not' },
  { pattern: /\b(?:stands?|stood)\b/, advice: 'is, has, contains' },
  { pattern: /\blies\b/, advice: 'is' },
  { pattern: /\b(?:tells?|told|telling)\b/, advice: 'reports, returns, shows, knows' },
  { pattern: /\b(?:settles?|settled|settling)\b/, advice: 'resolves, flushes, moves' },
  { pattern: /\b(?:says?|said|saying)\b/, advice: 'reports, prints, means' },
  {
    pattern: /\b(?:goes|comes|came|went|gone)\b/,
    advice: 'is removed, freed, sent, returned, arrives, is missing',
  },
  { pattern: /\bis (?:to be )?there (?:only )?for\b/, advice: 'is for; exists' },
  { pattern: /\b(?:has|have) it that\b/, advice: 'a plain verb' },
  { pattern: /\bas (?:is|are) (?:that|those) of\b/, advice: 'repeat the noun' },
  { pattern: /\b(?:be|is|are|being) had\b/, advice: 'exists, is available, is possible' },
  { pattern: /\b(?:to see to|sees to|seen to (?:it|its|them))\b/, advice: 'the technical verb: enforce, set, remove' },
  { pattern: /\b(?:become|becomes|became) of\b/, advice: 'happens to; the state of' },
  { pattern: /\bha(?:s|ve) (?:a|no) say\b/, advice: 'decides, limits' },
  { pattern: /\bwant of\b/, advice: 'a lack of; no' },
  { pattern: /\bfor ever\b/, advice: 'forever' },
];
