/** Calls on mappings that an actor keeps. */
import { boolean } from 'fast-check';
import { type Call, call, NOTHING_HELD } from '../script/call.js';
import { anOffset, aSlot, aText } from '../script/values.js';
import { HeldMapping } from '../sides/held-mapping.js';

const aRight = boolean().map((writable) => (writable ? 'write' : 'read'));

export const mappingCalls = {
  map: call(5, { slot: aSlot, file: aSlot, right: aRight }, ({ slot, file, right }, { side, actor }) => {
    const held = side.files.get(actor, file);
    if (held === undefined) return NOTHING_HELD;
    side.mappings.put(actor, slot, new HeldMapping(held.fd, right === 'write', held.found));
    return null;
  }),
  /**
   * Returns the content of the mapping and of the file. deviations/ has the cases in which they can differ.
   */
  mapRead: onMapping(6, {}, (mapping) => [mapping.read(), mapping.readFile(), mapping.found]),
  mapWrite: onMapping(
    5,
    { offset: anOffset, text: aText },
    (mapping, { offset, text }) => mapping.writable && mapping.write(offset as number, text as string),
  ),
  msync: onMapping(2, {}, (mapping) => mapping.sync()),
  unmap: call(2, { slot: aSlot }, ({ slot }, { side, actor }) => side.mappings.drop(actor, slot)),
};

function onMapping(
  weight: number,
  args: Call['arguments'],
  run: (mapping: HeldMapping, args: Parameters<Call['run']>[0]) => unknown,
): Call {
  return call(weight, { slot: aSlot, ...args }, (given: Parameters<Call['run']>[0], { side, actor }) => {
    const mapping = side.mappings.get(actor, given.slot as number);
    return mapping === undefined ? NOTHING_HELD : run(mapping, given);
  });
}
