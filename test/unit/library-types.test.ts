/** The types of the library. The type check of the tests fails when one of them changes. */
import { describe, expectTypeOf, it } from 'vitest';
import { type Mount, type MountError, type MountOptions, mount, type Path } from '../../src/index.js';

describe('the types of the library', () => {
  it('mount takes options and resolves to a mount', () => {
    expectTypeOf(mount).parameters.toEqualTypeOf<[options: MountOptions]>();
    expectTypeOf(mount).returns.resolves.toEqualTypeOf<Mount>();
  });

  it('only lowers and mountpoint are required', () => {
    expectTypeOf<{ lowers: string[]; mountpoint: string }>().toExtend<MountOptions>();
    expectTypeOf<{ lowers: string[] }>().not.toExtend<MountOptions>();
    expectTypeOf<{ mountpoint: string }>().not.toExtend<MountOptions>();
  });

  it('paths are strings or bytes', () => {
    expectTypeOf<Path>().toEqualTypeOf<string | Uint8Array>();
    expectTypeOf<MountOptions['upper']>().toEqualTypeOf<Path | undefined>();
    expectTypeOf<MountOptions['lowers']>().toEqualTypeOf<readonly Path[]>();
  });

  it('choices are literals', () => {
    expectTypeOf<MountOptions['dialect']>().toEqualTypeOf<'overlay' | 'aufs' | undefined>();
    expectTypeOf<NonNullable<MountOptions['overlay']>['redirectDir']>().toEqualTypeOf<
      'on' | 'follow' | 'nofollow' | 'off' | undefined
    >();
  });

  it('a misspelt option is no option', () => {
    // @ts-expect-error: uperdir
    const options: MountOptions = { lowers: [], mountpoint: '/mnt', uperdir: '/upper' };
    expectTypeOf(options).toEqualTypeOf<MountOptions>();
  });

  it('a mount can be unmounted, lazily too, and resolves when it has ended', () => {
    expectTypeOf<Mount['unmount']>().parameter(0).toEqualTypeOf<{ lazy?: boolean } | undefined>();
    expectTypeOf<Mount['closed']>().resolves.toBeVoid();
  });

  it('a refusal has an errno and its name, where there is one', () => {
    expectTypeOf<MountError['errno']>().toEqualTypeOf<number | undefined>();
    expectTypeOf<MountError['code']>().toEqualTypeOf<string | undefined>();
  });
});
