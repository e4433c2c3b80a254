/**
 * What is being done when a call fails: one scenario for each thing that a store does.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Subject } from './fault-subject.ts'
import type { Shape } from './store-under-test.ts'
import { SPILL, type Start } from './workload.ts'

export interface Scenario {
  readonly name: string
  /** 'crashed': the store was not closed, its journal is there. */
  readonly start: Start | 'crashed'
  readonly shape?: Shape
  /** What is done before calls may fail; it opens the store unless that is what may fail. */
  readonly before?: (subject: Subject) => Promise<void> | void
  readonly act: (subject: Subject) => Promise<unknown>
}

const open = (subject: Subject): void => subject.open()

export const SCENARIOS: readonly Scenario[] = [
  { name: 'create', start: 'nothing', act: subject => subject.attempt(() => subject.open()) },
  { name: 'open', start: 'holes', act: subject => subject.attempt(() => subject.open()) },
  { name: 'open after a crash', start: 'crashed', act: subject => subject.attempt(() => subject.open()) },
  {
    name: 'first commit after a crash, which finishes the recovery',
    start: 'crashed',
    before: subject => subject.open('onDemand'),
    act: subject => subject.commit([{ kind: 'put', at: 1 }, { kind: 'append' }], 'sync'),
  },
  {
    name: 'recovery while the store is open',
    start: 'crashed',
    before: subject => subject.open('inTurns'),
    async act(subject) {
      for (let turn = 0; turn < 6; turn++) await nextTurn()
      await subject.commit([{ kind: 'put', at: 1 }])
    },
  },
  { name: 'append', start: 'records', before: open, act: subject => subject.commit([{ kind: 'append' }]) },
  {
    name: 'update',
    start: 'records',
    before: open,
    act: subject => subject.commit([{ kind: 'update', at: 2 }], 'sync'),
  },
  {
    name: 'first delete',
    start: 'records',
    before: open,
    act: subject => subject.commit([{ kind: 'delete', at: 2 }]),
  },
  {
    name: 'delete',
    start: 'holes',
    before: open,
    act: subject => subject.commit([{ kind: 'delete', at: 2 }], 'sync'),
  },
  {
    name: 'grow',
    start: 'records',
    before: open,
    act: subject =>
      subject.commit([
        { kind: 'update', at: 0 },
        { kind: 'appendMany', count: 9 },
      ]),
  },
  {
    name: 'grow with live bits',
    start: 'holes',
    before: open,
    act: subject =>
      subject.commit([{ kind: 'append' }, { kind: 'appendMany', count: 9 }, { kind: 'put', at: 0 }]),
  },
  {
    name: 'a large batch',
    start: 'records',
    shape: 'wide',
    before: open,
    act: subject => subject.commit(SPILL.kind === 'commit' ? SPILL.changes : []),
  },
  {
    name: 'transaction',
    start: 'records',
    before: open,
    act: subject =>
      subject.commit([{ kind: 'put', at: 1 }, { kind: 'append' }, { kind: 'delete', at: 0 }], 'transaction'),
  },
  {
    name: 'commits one after the other',
    start: 'records',
    before: open,
    async act(subject) {
      await subject.commit([{ kind: 'append' }])
      await subject.commit([{ kind: 'update', at: 3 }], 'sync')
      await subject.commit([{ kind: 'put', at: 0 }], 'process')
      await subject.call('flush')
    },
  },
  {
    name: 'commits in one turn',
    start: 'records',
    before: open,
    act: subject =>
      Promise.all([
        subject.commit([{ kind: 'append' }]),
        subject.commit([{ kind: 'update', at: 1 }]),
        subject.commit([{ kind: 'delete', at: 4 }]),
      ]),
  },
  {
    name: 'checkpoint',
    start: 'records',
    async before(subject) {
      subject.open()
      await subject.commit([{ kind: 'append' }, { kind: 'update', at: 0 }, { kind: 'delete', at: 3 }])
    },
    act: subject => subject.call('checkpoint'),
  },
  {
    name: 'commits during a checkpoint',
    start: 'holes',
    async before(subject) {
      subject.open()
      await subject.commit([{ kind: 'append' }, { kind: 'update', at: 0 }])
    },
    act: subject => Promise.all([subject.call('checkpoint'), subject.commit([{ kind: 'put', at: 2 }])]),
  },
  {
    name: 'compact',
    start: 'holes',
    async before(subject) {
      subject.open()
      await subject.commit([{ kind: 'append' }, { kind: 'update', at: 0 }])
    },
    act: subject => subject.call('compact'),
  },
  {
    name: 'create an index',
    start: 'holes',
    async before(subject) {
      subject.open()
      await subject.commit([{ kind: 'append' }, { kind: 'update', at: 0 }])
    },
    act: subject => subject.call('createIndex'),
  },
  {
    name: 'drop an index',
    start: 'holes',
    async before(subject) {
      subject.open()
      await subject.call('createIndex')
      await subject.commit([{ kind: 'append' }, { kind: 'update', at: 0 }])
    },
    act: subject => subject.call('dropIndex'),
  },
  {
    name: 'backup',
    start: 'holes',
    async before(subject) {
      subject.open()
      await subject.commit([{ kind: 'append' }, { kind: 'update', at: 0 }])
    },
    act: subject => subject.call('backup'),
  },
  {
    name: 'close',
    start: 'records',
    async before(subject) {
      subject.open()
      await subject.commit([{ kind: 'append' }, { kind: 'update', at: 0 }])
      await subject.commit([{ kind: 'put', at: 1 }], 'process')
    },
    act: subject => subject.attempt(() => subject.close()),
  },
]
