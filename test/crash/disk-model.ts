/**
 * What a whole disk may hold after the power went: the files of file-model.ts and the names they may have.
 *
 *   N1  a creation, rename or removal may be undone until a sync of its folder covers it.
 *   N2  each of them is atomic: a rename has moved the name, and freed the other one, or it has not.
 *   N3  one that rests on another (a file renamed after its creation) is not there without it.
 *   N4  where a sync of the folder fails, its names stay as they look and may be undone: no later sync covers them until
 *       another name in the folder changes, which writes the folder's block again.
 * Stricter than ext4, where names become durable in order and with the file's own sync: other file systems promise
 * neither. The events come from the simulated platform's observer.
 */

import { dirname } from 'node:path'
import type { DiskEvent } from '../../src/mmap/simulated/simulated-disk.ts'
import { FileModel } from './file-model.ts'

type NameChange = Extract<DiskEvent, { kind: 'create' | 'rename' | 'remove' }>

export class DiskModel {
  readonly files = new Map<number, FileModel>()
  #names = new Map<string, number>()
  #changes: NameChange[] = []
  /** Folders whose last sync failed, and in which no name changed since. */
  #cleanFolders = new Set<string>()
  readonly #syncs = new Map<number, number>()
  #clock = 0

  /** A disk on which all of this is durable. Files are numbered from 1 in this order, as the simulated platform does. */
  static of(files: Iterable<readonly [path: string, bytes: Uint8Array]>): DiskModel {
    const disk = new DiskModel()
    let file = 0
    for (const [path, bytes] of files) {
      file++
      disk.files.set(file, FileModel.of(bytes))
      disk.#names.set(path, file)
    }
    return disk
  }

  /** Changes of names that may be undone, oldest first. */
  get pendingNames(): readonly NameChange[] {
    return this.#changes
  }

  /** Takes in what happened. */
  apply(event: DiskEvent): void {
    const at = ++this.#clock
    switch (event.kind) {
      case 'create':
        this.files.set(event.file, new FileModel())
        this.#change(event)
        return
      case 'rename':
      case 'remove':
        this.#change(event)
        return
      case 'sync-folder':
        if (!this.#cleanFolders.has(event.folder)) this.#settleNames(event.folder)
        return
      case 'sync-folder-failed':
        this.#cleanFolders.add(event.folder)
        return
      case 'store':
        if (event.mapped) this.#file(event.file).storeWord(event.bytes, event.offset)
        else this.#file(event.file).store(event.bytes, event.offset, at)
        return
      case 'allocate':
        this.#file(event.file).allocate(event.offset, event.length, at)
        return
      case 'resize':
        this.#file(event.file).resize(event.to, at)
        return
      case 'sync-begin':
        this.#syncs.set(event.sync, at)
        return
      case 'sync-end': {
        const begun = this.#syncs.get(event.sync)
        if (begun !== undefined) this.#file(event.file).settle(begun)
        return
      }
      case 'sync-failed': {
        const begun = this.#syncs.get(event.sync)
        if (begun !== undefined) this.#file(event.file).markClean(begun)
      }
    }
  }

  /** The names that are there when of the pending changes only some happened. */
  names(happened: (index: number) => boolean): Map<string, number> {
    const names = new Map(this.#names)
    for (const [index, change] of this.#changes.entries()) if (happened(index)) changeNames(names, change)
    return names
  }

  clone(): DiskModel {
    const copy = new DiskModel()
    for (const [number, file] of this.files) copy.files.set(number, file.clone())
    copy.#names = new Map(this.#names)
    copy.#changes = [...this.#changes]
    copy.#cleanFolders = new Set(this.#cleanFolders)
    // A sync that was under way when the process died covers nothing for certain.
    copy.#clock = this.#clock
    return copy
  }

  /** The system gives memory back: some of what a failed sync left in it is read from the disk again, as it is there. */
  dropClean(choose: (versions: readonly Uint8Array[]) => Uint8Array | undefined): void {
    for (const file of this.files.values()) file.dropClean(choose)
  }

  #change(change: NameChange): void {
    this.#changes.push(change)
    this.#cleanFolders.delete(folderOf(change))
  }

  #settleNames(folder: string): void {
    for (const change of this.#changes) {
      if (folderOf(change) === folder) changeNames(this.#names, change)
    }
    this.#changes = this.#changes.filter(change => folderOf(change) !== folder)
  }

  #file(number: number): FileModel {
    const file = this.files.get(number)
    if (file === undefined) throw new Error(`The model knows no file ${number}`)
    return file
  }
}

function changeNames(names: Map<string, number>, change: NameChange): void {
  if (change.kind === 'create') {
    names.set(change.path, change.file)
    return
  }
  const from = change.kind === 'rename' ? change.from : change.path
  if (names.get(from) !== change.file) return
  names.delete(from)
  if (change.kind === 'rename') names.set(change.to, change.file)
}

function folderOf(change: NameChange): string {
  return dirname(change.kind === 'rename' ? change.to : change.path)
}
