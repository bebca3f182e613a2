import type { FileStat } from '../../core/file-stat.js';

/** A number below this is shown with the index of its file system in the bits above it. */
const SPAN = 2 ** 48;
/** 2^53 / SPAN - 1: larger numbers are not exact in JavaScript. */
const MAX_INDEX = 31;

/** The device and mount of a lower object, or of a layer's root. */
interface LowerPlace {
  readonly devMajor: number;
  readonly devMinor: number;
  readonly mount: number;
}

/**
 * The inode numbers that the union shows. If all layers are on one file system, these are the real numbers,
 * as in the kernel. Otherwise the index of the file system in the high bits makes them unique
 * (fs/overlayfs/inode.c:ovl_map_dev_ino, xino).
 *
 * A copy-up does not change the number shown. It is stored until the mount ends, so that `stat` and `readdir`
 * return the same number also after the kernel has forgotten the node.
 */
export class InodeNumbers {
  private readonly devices = new Map<number, number>();
  /**
   * Numbers that do not fit beside an index (64-bit ids of network file systems). Each is shown as a number
   * that is assigned here.
   */
  private readonly synthetic = new Map<string, number>();
  /** The own number of an upper object → the number shown before its copy-up. */
  private readonly numbersKept = new Map<number, number>();
  /**
   * The inverse of {@link numbersKept}: a number → the own number of the upper object that shows it. No two
   * objects show the same number.
   */
  private readonly holders = new Map<number, number>();

  /** The number of a real object, without regard to copy-ups. */
  own(devMajor: number, devMinor: number, ino: number): number {
    return this.numberOn(devMajor * 0x10_0000 + devMinor, ino);
  }

  /**
   * Does what {@link own} does, for an object of a lower layer. A bind mount inside the layer can show a file
   * a second time. The union shows two files then, with two numbers: a copy-up of one does not change the
   * other.
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

  /** Called after a copy-up: the new upper object shows the number of its lower object from now on. */
  keep(upper: FileStat, shown: number): void {
    this.keepNumber(this.own(upper.devMajor, upper.devMinor, upper.ino), shown);
  }

  /** Does what {@link keep} does, by the own number of the upper object. */
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

  /**
   * The number to show for a lower object. It is a new one if an upper object already shows its own number.
   */
  ofLower(own: number): number {
    if (this.numbersKept.size === 0) return own;
    const kept = this.numbersKept.get(own);
    if (kept !== undefined) return kept;
    return this.holders.has(own) ? this.assignNewTo(own) : own;
  }

  /** The number that the upper object with this own number shows instead; undefined: it shows its own. */
  kept(own: number): number | undefined {
    return this.numbersKept.get(own);
  }

  /**
   * Assigns a new number to a real object, because another object already shows the number that it would
   * show.
   * @returns the new number
   */
  assignNew(devMajor: number, devMinor: number, ino: number): number {
    return this.assignNewTo(this.own(devMajor, devMinor, ino));
  }

  private assignNewTo(own: number): number {
    const number = MAX_INDEX * SPAN + this.synthetic.size;
    this.synthetic.set(`assigned:${this.synthetic.size}`, number);
    this.numbersKept.set(own, number);
    return number;
  }

  /** Called when the upper object was freed: the file system can give its own number to another object. */
  release(devMajor: number, devMinor: number, ino: number): void {
    if (this.numbersKept.size === 0) return;
    const own = this.own(devMajor, devMinor, ino);
    const shown = this.numbersKept.get(own);
    if (shown === undefined) return;
    this.numbersKept.delete(own);
    if (this.holders.get(shown) === own) this.holders.delete(shown);
  }

  /**
   * Whether another mount of the same layers shows the same number for the same object. The devices of all
   * layers get their index at mount time, in a fixed order. Numbers that do not fit beside an index are
   * assigned when the object is first used, so that they differ between mounts.
   */
  isStable(shown: number): boolean {
    return shown < MAX_INDEX * SPAN;
  }

  /** Whether any number is kept. If not, {@link release} has no effect. */
  get keepsAny(): boolean {
    return this.numbersKept.size > 0;
  }
}
