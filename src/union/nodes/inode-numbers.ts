import type { FileStat } from '../../core/file-stat.js';

/** Numbers up to here are shown as they are, with the file system's index above them. */
const SPAN = 2 ** 48;
/** 2^53 / SPAN: what a JavaScript number holds exactly. */
const MAX_INDEX = 31;

/** The device and mount of a lower object, or of a layer's root. */
interface LowerPlace {
  readonly devMajor: number;
  readonly devMinor: number;
  readonly mount: number;
}

/**
 * The inode numbers that the union shows: the real ones where all layers lie on one file system, as the
 * kernel does; otherwise made unique by the file system's index in the high bits
 * (fs/overlayfs/inode.c:ovl_map_dev_ino, xino).
 *
 * A number is remembered over a copy-up for as long as the mount lives, so that `stat` and `readdir` go on
 * agreeing after the kernel has forgotten the node.
 */
export class InodeNumbers {
  private readonly devices = new Map<number, number>();
  /**
   * Numbers that do not fit beside an index (64-bit ids of network file systems), each given one of its own.
   */
  private readonly synthetic = new Map<string, number>();
  /** Own number of an upper object → the number shown before its copy-up. */
  private readonly numbersKept = new Map<number, number>();
  /**
   * The inverse: a number → the own number of the upper object that shows it instead. No two objects show one
   * number.
   */
  private readonly holders = new Map<number, number>();

  /** The number of a real object, its copy-up not considered. */
  own(devMajor: number, devMinor: number, ino: number): number {
    return this.numberOn(devMajor * 0x10_0000 + devMinor, ino);
  }

  /**
   * As {@link own}, of an object of a lower layer. A bind mount inside the layer can show a file a second
   * time. The union has two files then, with two numbers: if one is copied up, the other does not change.
   * @param stat of the object, or of its directory
   * @param layer the layer's root
   */
  ownOfLower(stat: LowerPlace, layer: LowerPlace, ino: number): number {
    const { devMajor, devMinor, mount } = stat;
    const isBound = mount !== layer.mount && devMajor === layer.devMajor && devMinor === layer.devMinor;
    return isBound ? this.numberOn(-1 - mount, ino) : this.own(devMajor, devMinor, ino);
  }

  /** @param place a device, or a mount as a negative number */
  private numberOn(place: number, ino: number): number {
    let index = this.devices.get(place);
    if (index === undefined) {
      index = this.devices.size;
      this.devices.set(place, index);
    }
    if (ino < SPAN && index < MAX_INDEX) return index * SPAN + ino;
    const key = `${place}:${ino}`;
    let number = this.synthetic.get(key);
    if (number === undefined) {
      number = MAX_INDEX * SPAN + this.synthetic.size;
      this.synthetic.set(key, number);
    }
    return number;
  }

  /** The number to show for a real object. */
  shown(devMajor: number, devMinor: number, ino: number): number {
    const own = this.own(devMajor, devMinor, ino);
    return this.numbersKept.size === 0 ? own : (this.numbersKept.get(own) ?? own);
  }

  /** After a copy-up: the new upper object goes on under the number its lower one had. */
  keep(upper: FileStat, shown: number): void {
    this.keepNumber(this.own(upper.devMajor, upper.devMinor, upper.ino), shown);
  }

  /** As {@link keep}, of an upper object's own number. */
  keepNumber(own: number, shown: number): void {
    this.numbersKept.set(own, shown);
    if (shown !== own) this.holders.set(shown, own);
  }

  /**
   * Whether an upper object, other than the one with the own number `own`, shows `number` in place of its
   * own.
   */
  isHeldByOther(number: number, own: number): boolean {
    const holder = this.holders.get(number);
    return holder !== undefined && holder !== own;
  }

  /** The number to show for a lower object: a new one if an upper object shows its own number already. */
  ofLower(own: number): number {
    if (this.numbersKept.size === 0) return own;
    const kept = this.numbersKept.get(own);
    if (kept !== undefined) return kept;
    return this.holders.has(own) ? this.partNumber(own) : own;
  }

  /** The number that the upper object of this own number shows instead; undefined: none is known. */
  kept(own: number): number | undefined {
    return this.numbersKept.get(own);
  }

  /**
   * Gives a real object a number of its own, because what it would show is shown by something else. Returns
   * it.
   */
  part(devMajor: number, devMinor: number, ino: number): number {
    return this.partNumber(this.own(devMajor, devMinor, ino));
  }

  private partNumber(own: number): number {
    const number = MAX_INDEX * SPAN + this.synthetic.size;
    this.synthetic.set(`parted:${this.synthetic.size}`, number);
    this.numbersKept.set(own, number);
    return number;
  }

  /** The upper object is gone and its own number may be given to another. */
  release(devMajor: number, devMinor: number, ino: number): void {
    if (this.numbersKept.size === 0) return;
    const own = this.own(devMajor, devMinor, ino);
    const shown = this.numbersKept.get(own);
    if (shown === undefined) return;
    this.numbersKept.delete(own);
    if (this.holders.get(shown) === own) this.holders.delete(shown);
  }

  /**
   * Whether another mount of the same layers shows the same number for the same object: the devices of all
   * layers have their index from the start, but numbers that do not fit are given out as they come.
   */
  isStable(shown: number): boolean {
    return shown < MAX_INDEX * SPAN;
  }

  /** Whether any number is kept, that is whether {@link release} could matter. */
  get keepsAny(): boolean {
    return this.numbersKept.size > 0;
  }
}
