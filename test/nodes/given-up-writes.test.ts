import t, { type Test } from 'tap'
import { createClient, type Client } from './client.ts'
import { startCluster } from './cluster.ts'
import type { WriteKind } from './history.ts'
import { giveUpThenConfirm, stages, waysToHoldBack, type Stage, type Way } from './hold-back.ts'
import type { NodeProcess } from './node-process.ts'
import { hasPgbouncer } from './pgbouncer.ts'
import { startRecorder } from './recorder.ts'
import { until } from './until.ts'
import { reachVerdict } from './verdict.ts'

// One node gives up a write, another one confirms a later one, and the first one's goes on.

t.setTimeout(300_000)

const kinds: WriteKind[] = ['generate', 'setEnabled']

interface Nodes {
  /** Returns whether the write that was given up has undone the one that was confirmed later. */
  isUndone (way: Way, kind: WriteKind, stage: Stage): Promise<boolean>
  /** Stops the nodes and returns the rules that they violated. */
  violatedRules (): Promise<string[]>
}

async function startNodes (t: Test, brokenStore?: string): Promise<Nodes> {
  const logFolder = t.testdir()
  const recorder = startRecorder()
  const client = createClient(recorder)
  const cluster = await startCluster({ size: 2, timeout: 600, logFolder, brokenStore, recorder })
  t.teardown(() => cluster.remove())
  const nodes = cluster.nodes as [NodeProcess, NodeProcess]
  const [, confirms] = nodes

  return {
    async isUndone (way, kind, stage) {
      await until('SCIM is enabled', async () => await client.setEnabled(confirms, true) === 'stored')
      const before = recorder.operations.length
      const token = await giveUpThenConfirm({ cluster, client, recorder }, way, { nodes, kind, stage })
      if (!recorder.operations.slice(before).some((operation) => operation.kind === kind && operation.outcome === 'given up')) {
        throw new Error(`no ${kind} was given up`)
      }
      return token === undefined ? await isEnabled(client, confirms) : !await isValid(client, confirms, token)
    },

    async violatedRules () {
      const { violations } = await reachVerdict(cluster, recorder, logFolder)
      return [...new Set(violations.map((violation) => violation.replace(/:.*/, '')))]
    }
  }
}

async function isEnabled (client: Client, node: NodeProcess): Promise<boolean> {
  const settings = await client.getSettings(node)
  return settings === 'unknown' ? await isEnabled(client, node) : settings.enabled
}

async function isValid (client: Client, node: NodeProcess, token: string): Promise<boolean> {
  const outcome = await client.verify(node, token)
  return outcome === 'unknown' ? await isValid(client, node, token) : outcome === 'accepted'
}

const ways = Object.entries(waysToHoldBack).filter(([, { needsPgbouncer = false }]) => hasPgbouncer || !needsPgbouncer)
if (!hasPgbouncer) t.comment('pgbouncer is not installed: nothing is held back in its queue')

t.test('a write that was given up and goes on later', async (t) => {
  const { isUndone, violatedRules } = await startNodes(t)
  for (const [name, way] of ways) {
    t.test(`${name} -> the write that was confirmed meanwhile stays`, async (t) => {
      for (const kind of kinds) {
        for (const stage of stages) t.notOk(await isUndone(way, kind, stage), `${kind} held back before its ${stage} statement`)
      }
    })
  }
  t.test('the history of all of them -> every guarantee is kept', async (t) => {
    t.strictSame(await violatedRules(), [])
  })
})

t.test('a store without a fence', async (t) => {
  const { isUndone, violatedRules } = await startNodes(t, 'unfenced')
  for (const [name, way] of ways) {
    for (const kind of kinds) {
      if (way.dropsWrites) {
        t.test(`${name} -> a ${kind} that was given up is dropped`, async (t) => {
          t.notOk(await isUndone(way, kind, 'first'))
        })
      } else {
        t.test(`${name} -> a ${kind} that was given up undoes a confirmed one`, async () => {
          // PostgreSQL does not run statements in the order in which they waited for a lock.
          const limit = way.blocksOthers ? 60_000 : 0
          await until('the confirmed write is undone', () => isUndone(way, kind, 'first'), limit)
        })
      }
    }
  }
  t.test('the history of all of them -> the verdict fails', async (t) => {
    t.strictSame(await violatedRules(), ['stays given up'])
  })
})
