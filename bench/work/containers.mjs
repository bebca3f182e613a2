/** Containers that do nothing: the time of an engine and of the mounts that it makes for them. */
import { dirname, join } from 'node:path';

/** No network and no cgroups, and limits that every machine allows: they would only add noise. */
const RUN = 'run --rm --network none --cgroups=disabled --ulimit nofile=1000:1000 --ulimit nproc=1000:1000 bench';
const STEPS = 10;

/** The command line of podman, with a store beside the mount of the contender. */
function podman(store, { mountProgram, mountOptions }) {
  const options = [`--root ${store}/root --runroot ${store}/run --cgroup-manager cgroupfs --events-backend none`];
  options.push('--storage-driver overlay');
  if (mountProgram !== undefined) options.push(`--storage-opt overlay.mount_program=${mountProgram}`);
  if (mountOptions !== undefined) options.push(`--storage-opt overlay.mountopt=${mountOptions}`);
  return `podman ${options.join(' ')}`;
}

/** An image with BusyBox, and a build file whose steps each make a layer. */
function prepare(store, engine) {
  const steps = Array.from({ length: STEPS }, (_, step) => `RUN echo ${step} > /step-${step}`);
  return [
    `mkdir -p ${store}/image/bin ${store}/build`,
    `cp "$(command -v busybox)" ${store}/image/bin/busybox`,
    `for name in sh true echo; do ln -s busybox ${store}/image/bin/$name; done`,
    `tar -C ${store}/image -cf ${store}/image.tar .`,
    `${engine} import --quiet ${store}/image.tar bench`,
    `printf '%s\\n' 'FROM bench' '${steps.join("' '")}' > ${store}/build/Containerfile`,
  ].join(' && ');
}

/** @param command makes the command from that of podman and the directory of its store */
function containers(name, title, command) {
  return {
    name,
    group: 'containers',
    title,
    recipe: 'tree',
    access: 'writable',
    needsEngine: true,
    tools: ['podman'],
    mostRuns: 3,
    measure: async ({ root, engine, shell }) => {
      const store = join(dirname(root), 'store');
      const program = podman(store, engine);
      await shell(inNamespace(prepare(store, program)), { env: engine.environment });
      return { seconds: (await shell(inNamespace(command(program, store)), { env: engine.environment })).seconds };
    },
  };
}

/** The mounts of the engine end with their namespace. crun does not work with two cgroup trees. */
function inNamespace(command) {
  const script = `umount /sys/fs/cgroup/unified 2>/dev/null; ${command}`;
  return `unshare --mount sh -ec '${script.replaceAll("'", "'\\''")}'`;
}

const times = (count, command) => `for i in $(seq ${count}); do ${command} || exit; done`;

export const works = [
  containers('podman-run', '20 × `podman run --rm`, one after the other', (podman) =>
    times(20, `${podman} ${RUN} true`),
  ),
  containers(
    'podman-at-once',
    '30 × `podman run --rm` at once',
    (podman) =>
      `pids=; for i in $(seq 30); do ${podman} ${RUN} true & pids="$pids $!"; done; for pid in $pids; do wait $pid; done`,
  ),
  containers(
    'podman-build',
    `\`podman build\` of ${STEPS} steps`,
    (podman, store) => `${podman} build --quiet --layers --network host --isolation chroot ${store}/build`,
  ),
];
