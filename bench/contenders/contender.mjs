/**
 * A contender is a program or file system that is measured. It opens a fresh directory that shows the layers,
 * and removes it again.
 *
 * @typedef {object} Contender
 * @property {string} name
 * @property {boolean} isServer Whether processes serve it, so that their memory and idle time can be
 * measured.
 * @property {boolean} [isAside] Shown beside the others, but without a target.
 * @property {string} installHint The advice if it is not installed.
 * @property {() => string | undefined} version Undefined if it is not installed.
 * @property {(work: import('../works.mjs').Work) => string | undefined} unfitFor The reason why it cannot do
 * this work; undefined if it can.
 * @property {() => Promise<void>} [start] Called before its first measurement.
 * @property {() => Promise<void>} [end] Called after its last measurement.
 * @property {() => Engine} [engine] How a container engine mounts by it; undefined: it cannot.
 * @property {(layers: import('../layers.mjs').Layers, work: import('../works.mjs').Work) => Place} open
 *
 * @typedef {object} Engine
 * @property {string} [mountProgram] Undefined: the kernel.
 * @property {string} [mountOptions]
 * @property {Record<string, string>} environment Of the engine.
 *
 * @typedef {object} Place
 * @property {string} root The directory that shows the tree.
 * @property {number} mountSeconds From the start of the mounting program to the first listing of the root.
 * @property {number[]} servers The processes that serve it.
 * @property {() => Promise<void>} close
 */
export {};
