import { generateToken } from '../../lib/token.ts'
import { createClient } from './client.ts'
import { startCluster } from './cluster.ts'
import { countOperations } from './counts.ts'
import { faults, type FaultScene } from './faults.ts'
import { isUnknown, type History, type Operation } from './history.ts'
import { startLoad } from './load.ts'
import { seededRandom, type Random } from './random.ts'
import { startRecorder, type Recorder } from './recorder.ts'
import { until } from './until.ts'
import { reachVerdict } from './verdict.ts'

export interface TrialSetup {
  seed: string
  /** How many nodes. */
  size: number
  /** The trial goes on until it has run so long, every fault has been injected, and so many requests had the outcome that they ask for. */
  minutes: number
  generates: number
  toggles: number
  verifications: number
  /** The names of the faults; without any there is only load. */
  faults: string[]
  /** Takes the logs of the nodes and of the database. */
  logFolder: string
  brokenStore?: string | undefined
  /** Takes a line of progress. */
  report: (line: string) => void
}

export interface TrialResult {
  counts: Record<string, number>
  /** One line each. The trial fails on the first. */
  violations: string[]
}

// Short, so that a fault that is held for longer than this takes little time.
const timeout = 800

/** Runs nodes under load, injects faults, and checks everything that was seen. */
export async function runTrial (setup: TrialSetup): Promise<TrialResult> {
  const recorder = startRecorder()
  const cluster = await startCluster({ ...setup, timeout, recorder })
  try {
    const scene: FaultScene = { cluster, client: createClient(recorder), recorder, expectedStored: new Map(), mustRespond: new Set() }
    const random = seededRandom(setup.seed)
    const load = startLoad(cluster.nodes, scene.client, random)
    try {
      await injectFaults(setup, scene, random.fork('faults'))
    } catch (error) {
      recorder.addProblem(String(error))
    }
    await load.stop()
    const { history, violations } = await reachVerdict(cluster, recorder, setup.logFolder)
    return { counts: countOperations(history), violations: [...violations, ...checkFaultOutcomes(scene, history)] }
  } finally {
    await cluster.remove()
  }
}

/** Injects one fault after the other until there has been enough of everything. */
async function injectFaults (setup: TrialSetup, scene: FaultScene, random: Random): Promise<void> {
  const { minutes, report } = setup
  const started = performance.now()
  const elapsed = () => (performance.now() - started) / 60_000
  const rounds = inRounds(setup.faults, random)
  let injected = 0
  await runWithoutFault(scene)
  while (injected < setup.faults.length || elapsed() < minutes || !hasEnough(scene.recorder, setup)) {
    if (elapsed() > 2 * minutes + 1) throw new Error(`too few requests in ${elapsed().toFixed(1)} minutes`)
    const { value: name } = rounds.next()
    if (name !== undefined) {
      const at = elapsed() * 60
      const details = await faults[name]!(scene, random)
      const undone = performance.now()
      await recover(scene)
      report(`${at.toFixed(1).padStart(6)} s  ${name}: ${details}; all nodes serve ${Math.round(performance.now() - undone)} ms later`)
      injected++
    }
    await runWithoutFault(scene)
  }
}

/** All names, over and over, in another order each time. */
function * inRounds (names: string[], random: Random): Generator<string, undefined> {
  while (names.length > 0) yield * random.shuffle(names)
}

function hasEnough ({ operations }: Recorder, { generates, toggles, verifications }: TrialSetup): boolean {
  const count = (kind: Operation['kind'], ...outcomes: Operation['outcome'][]) =>
    operations.filter((operation) => operation.kind === kind && outcomes.includes(operation.outcome)).length
  return count('generate', 'stored') >= generates && count('setEnabled', 'stored') >= toggles &&
    count('verify', 'accepted', 'rejected') >= verifications
}

/** Waits until every node generates a token, and verifies more at once than its pool has connections. */
async function recover ({ cluster, client }: FaultScene): Promise<void> {
  await Promise.all(cluster.nodes.map(async (node) => {
    await until(`node ${node.index} generates again`, async () => await client.generate(node) !== undefined)
    await until(`node ${node.index} verifies again`, async () => {
      const outcomes = await Promise.all(Array.from({ length: 6 }, () => client.verify(node, generateToken())))
      return !outcomes.includes('unknown')
    })
  }))
}

/** Lets the load run for a while. */
async function runWithoutFault ({ recorder: { operations } }: FaultScene): Promise<void> {
  const enough = operations.length + 150
  await until('the load goes on', () => operations.length > enough)
}

/** Checks that what a fault has hit had the outcome that this fault leads to. */
function checkFaultOutcomes ({ expectedStored, mustRespond, recorder: { lost } }: FaultScene, { operations, changes }: History): string[] {
  const byId = new Map(operations.map((operation) => [operation.id, operation]))
  const changed = new Set(changes.map(({ operation }) => operation))
  return [
    ...[...expectedStored]
      .filter(([id, isStored]) => !isUnknown(byId.get(id)!) || (changed.has(id) !== isStored && !(isStored && wasOvertaken(byId.get(id)!, operations))))
      .map(([id, isStored]) => `generate ${id} was cut ${isStored ? 'after' : 'before'} the commit, had the outcome "${byId.get(id)!.outcome}" and was ${changed.has(id) ? 'stored' : 'not stored'}`),
    ...[...mustRespond]
      .filter((id) => lost.has(id))
      .map((id) => `generate ${id} was in progress when its node was told to stop, and had no response`)
  ]
}

/** Whether another generate was stored meanwhile: then a fence may have stopped this one. */
function wasOvertaken ({ id, start, end }: Operation, operations: Operation[]): boolean {
  return operations.some((other) => other.kind === 'generate' && other.id !== id && other.start < end && other.end > start && other.outcome !== 'unchanged')
}
