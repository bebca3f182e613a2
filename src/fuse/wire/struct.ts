/**
 * Structs of the kernel's protocol as tables of their members. Offsets and sizes derive from the table when
 * the module is loaded, by the rules of C.
 */

declare const memberType: unique symbol;

/** Types of members that are numbers. */
export const u16 = 'u16';
export const u32 = 'u32';
export const i32 = 'i32';
export const u64 = 'u64';
export const i64 = 'i64';

const SCALAR_BYTES = { u16: 2, u32: 4, i32: 4, u64: 8, i64: 8 } as const;
type Scalar = keyof typeof SCALAR_BYTES;

/** A member that is an array or a struct itself. */
export interface Compound {
  readonly bytes: number;
  readonly alignment: number;
}

type MemberType = Scalar | Compound;

/**
 * Offset of a member in its struct, in bytes. The type of the member is part of this type, so that the
 * compiler refuses a 32-bit read of a 64-bit member.
 */
export type Offset<Type extends MemberType = MemberType> = number & { readonly [memberType]: Type };

/** A member of 4 bytes. */
export type Offset32 = Offset<'u32'> | Offset<'i32'>;

/**
 * The offset of each member by its name, and the size. (No member can have this name: it is a keyword of C.)
 */
export type Struct<Members> = {
  readonly [Name in keyof Members]: Members[Name] extends MemberType ? Offset<Members[Name]> : never;
} & { readonly sizeof: number };

/** An array of `count` numbers. */
export function array(type: Scalar, count: number): Compound {
  return { bytes: SCALAR_BYTES[type] * count, alignment: SCALAR_BYTES[type] };
}

/** A struct within a struct. The kernel aligns all structs that it nests to 8 bytes. */
export function nested({ sizeof }: { readonly sizeof: number }): Compound {
  return { bytes: sizeof, alignment: 8 };
}

/** Lays out `members` in their order, as a C compiler does on 64-bit machines. */
export function struct<const Members extends Readonly<Record<string, MemberType>>>(members: Members): Struct<Members> {
  const offsets: [name: string, offset: number][] = [];
  let end = 0;
  let largest = 1;
  for (const [name, type] of Object.entries(members)) {
    const { bytes, alignment } = layoutOf(type);
    const offset = roundUp(end, alignment);
    offsets.push([name, offset]);
    end = offset + bytes;
    largest = Math.max(largest, alignment);
  }
  offsets.push(['sizeof', roundUp(end, largest)]);
  // V8 keeps the properties of such an object in fixed places, and treats them as constants in optimized
  // code. An object that is filled by one assignment after the other would become a hash table.
  return Object.freeze(Object.fromEntries(offsets)) as Struct<Members>;
}

function layoutOf(type: MemberType): Compound {
  if (typeof type === 'object') return type;
  return { bytes: SCALAR_BYTES[type], alignment: SCALAR_BYTES[type] };
}

function roundUp(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
