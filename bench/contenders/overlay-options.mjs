/**
 * The options that the kernel's overlayfs, fuse-overlayfs and plyfs have in common.
 * @param {import('./mounted.mjs').MountRequest} request
 */
export function overlayOptions({ lowers, upper, workdir }) {
  const lowerdir = `lowerdir=${lowers.join(':')}`;
  return upper === undefined ? lowerdir : `${lowerdir},upperdir=${upper},workdir=${workdir}`;
}
