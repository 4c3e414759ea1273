import { declareFactoryPlugin, PluginKind } from '@stryker-mutator/api/plugin'
import { createTapTestRunnerFactory } from '@stryker-mutator/tap-runner'

/**
 * Stryker's runner for tap, which first runs the tests that killed other mutants of the same file.
 * It runs test files one after the other until one fails, and few of them cover the mutant.
 */
function createRunner (injector) {
  const runner = createTapTestRunnerFactory()(injector)
  const run = runner.mutantRun.bind(runner)
  const killersByFile = new Map()

  runner.mutantRun = async (options) => {
    const { testFilter, activeMutant: { fileName } } = options
    const killers = killersByFile.get(fileName) ?? []
    const result = await run({
      ...options,
      testFilter: [...new Set([...killers.filter((test) => testFilter.includes(test)), ...testFilter])]
    })
    if (result.status === 'killed') killersByFile.set(fileName, [...new Set([...result.killedBy, ...killers])])
    return result.status === 'error' ? crashed(result) : result
  }
  return runner
}
createRunner.inject = ['$injector']

/** Counts a crash or a hang as killed, because neither happens without the mutant. */
function crashed ({ errorMessage }) {
  return { status: 'killed', killedBy: [], failureMessage: errorMessage, nrOfTests: 1 }
}

export const strykerPlugins = [declareFactoryPlugin(PluginKind.TestRunner, 'tap-learning', createRunner)]
