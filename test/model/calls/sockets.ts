/** Calls on sockets by their paths. */
import * as sys from '../../harness/sys/index.js';
import { call } from '../script/call.js';
import { aPath, aSlot } from '../script/values.js';

export const socketCalls = {
  listen: call(2, { slot: aSlot, path: aPath }, ({ slot, path }, { side, actor }) =>
    side.sockets.put(actor, slot, sys.listenAt(side.at(path))),
  ),
  connect: call(2, { path: aPath }, ({ path }, { side }) => sys.connectTo(side.at(path))),
  hangUp: call(1, { slot: aSlot }, ({ slot }, { side, actor }) => side.sockets.drop(actor, slot)),
};
