/**
 * Who is measured. Each gives a fresh directory that shows the layers, and takes it away again.
 *
 * @typedef {object} Contender
 * @property {string} name
 * @property {boolean} isServer Whether processes serve it: what can be asked about memory and idling.
 * @property {boolean} [isAside] Shown beside the others, but no target speaks of it.
 * @property {string} installHint What to do when it is not here.
 * @property {() => string | undefined} version Undefined when it is not here.
 * @property {(work: import('../works.mjs').Work) => string | undefined} unfitFor Why it cannot do this work,
 * if so.
 * @property {(layers: import('../layers.mjs').Layers, work: import('../works.mjs').Work) => Place} open
 *
 * @typedef {object} Place
 * @property {string} root The directory that shows the tree.
 * @property {number} mountSeconds From the start of the mounting program to the first listing of the root.
 * @property {number[]} servers The processes that serve it.
 * @property {() => Promise<void>} close
 */
export {};
