//! Answers the operator's questions from the scenario.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    fault::ScenarioFault,
    scenario::{Said, Scenario, ScriptedAnswers},
};
use crate::{
    event::{Answerer, Place},
    ports::{Answer, Ask, Beforehand, Choice, NoAnswer, Prompt, Question},
    runbook::name::PLAN,
};

/// A question that was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedQuestion {
    /// `None` for the plan.
    pub place: Option<Place>,
    pub ask: Ask,
    /// What was said; `None` if the scenario does not say.
    pub answer: Option<Answer>,
}

/// A prompt that answers as the scenario says.
#[derive(Debug)]
pub struct Scripted {
    scenario: Arc<Scenario>,
    /// What is chosen where the scenario does not say; everything else is then answered with no.
    otherwise: Option<Choice>,
    memory: Mutex<AnswerMemory>,
}

#[derive(Debug, Clone, Default)]
struct AnswerMemory {
    asked: Vec<AskedQuestion>,
    /// How often each entry of `answers` has been used.
    used: HashMap<String, usize>,
    /// Entries of `overrides` that have served.
    overrode: HashSet<String>,
    faults: Vec<ScenarioFault>,
}

impl Scripted {
    #[must_use]
    pub fn new(scenario: Arc<Scenario>) -> Self {
        Self { scenario, otherwise: None, memory: Mutex::default() }
    }

    /// Answers what the scenario does not: choices with this one, or else with a stop; questions with no.
    #[must_use]
    pub fn otherwise(self, choice: Option<Choice>) -> Self {
        Self { otherwise: choice, ..self }
    }

    /// The same at this moment.
    pub(super) fn copy(&self) -> Self {
        Self { scenario: Arc::clone(&self.scenario), otherwise: self.otherwise, memory: Mutex::new(self.memory().clone()) }
    }

    fn memory(&self) -> MutexGuard<'_, AnswerMemory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every question so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<AskedQuestion> {
        self.memory().asked.clone()
    }

    /// Questions that the scenario does not answer, or not properly; asked again, only what is new.
    pub fn take_faults(&self) -> Vec<ScenarioFault> {
        std::mem::take(&mut self.memory().faults)
    }

    /// What the scenario says to this question, with the key under which it says so.
    fn said(&self, memory: &mut AnswerMemory, question: &Question) -> Result<(String, Said), ScenarioFault> {
        let keys = match &question.place {
            None => vec![PLAN],
            Some(place) => place.names().to_vec(),
        };
        for key in &keys {
            let Some(answers) = self.scenario.answers.get(*key) else { continue };
            let used = memory.used.entry((*key).to_owned()).or_default();
            *used += 1;
            return match answers {
                ScriptedAnswers::Always(said) => Ok(((*key).to_owned(), said.clone())),
                ScriptedAnswers::Each(all) => all.get(*used - 1).map(|said| ((*key).to_owned(), said.clone())).ok_or_else(|| {
                    self.fault(key, format!("`{key}` is asked a {used}. time, and the scenario has {} answers", all.len()), None)
                }),
            };
        }
        let key = keys.last().copied().unwrap_or(PLAN);
        let example = match &question.ask {
            Ask::Plan { .. } | Ask::GoOn | Ask::YesNo | Ask::Phrase { .. } => "true".to_owned(),
            Ask::Report { .. } => "what was done".to_owned(),
            Ask::Override => "why".to_owned(),
            Ask::Failed { choices } | Ask::Step { choices } | Ask::Doubt { choices } => {
                choices.last().map_or("stop", |choice| choice.word()).to_owned()
            }
        };
        let first = question.text.lines().next().unwrap_or_default();
        let what = format!("no answer to the question at {}: {first}", keys[0]);
        Err(self.fault("answers", what, Some(format!("add to `answers:`\n  {key}: {example}"))))
    }

    fn fault(&self, key: &str, what: String, hint: Option<String>) -> ScenarioFault {
        let line = self.scenario.lines.get(&format!("answers.{key}")).or_else(|| self.scenario.lines.get("answers"));
        ScenarioFault { hint, ..ScenarioFault::at(&self.scenario.name, line, what) }
    }

    fn answer(&self, memory: &mut AnswerMemory, question: &Question) -> Result<Answer, ScenarioFault> {
        let yes = |typed: &str| Answer::Yes { typed: typed.to_owned(), by: Answerer::Scenario };
        let no = |why: &str| Answer::No { why: why.to_owned() };
        let overrides = matches!(&question.ask, Ask::Failed { choices } if choices.contains(&Choice::Override));
        if overrides || question.ask == Ask::Override {
            let names = question.place.as_ref().map(Place::names);
            let mut given = names.into_iter().flatten().filter_map(|name| Some((name, self.scenario.overrides.get(name)?)));
            match given.find(|(name, _)| !memory.overrode.contains(*name)) {
                Some(_) if overrides => return Ok(Answer::Chosen { choice: Choice::Override, by: Answerer::Scenario }),
                Some((name, reason)) => {
                    // A reason for what must hold serves once.
                    if question.place.as_ref().is_some_and(|place| place.preflight().is_none()) {
                        memory.overrode.insert(name.to_owned());
                    }
                    return Ok(yes(reason));
                }
                None if overrides => {}
                None => return Ok(no("the scenario does not override it")),
            }
        }
        if matches!(question.ask, Ask::Plan { .. } | Ask::GoOn) && !self.scenario.answers.contains_key(PLAN) {
            return Ok(yes("yes"));
        }
        let (key, said) = self.said(memory, question)?;
        let wrong = |wanted: &str| Err(self.fault(&key, format!("`{key}`: this question is answered with {wanted}"), None));
        match (&question.ask, said) {
            (Ask::Plan { .. } | Ask::GoOn | Ask::YesNo, said) => match said {
                Said::YesNo(true) => Ok(yes("yes")),
                Said::YesNo(false) => Ok(no("the scenario says no")),
                Said::Text(text) if text == "yes" => Ok(yes("yes")),
                Said::Text(text) if text == "no" => Ok(no("the scenario says no")),
                Said::Text(_) => wrong("true or false"),
            },
            (Ask::Phrase { phrase, .. }, Said::YesNo(true)) => Ok(yes(phrase)),
            (Ask::Phrase { phrase, .. }, Said::Text(typed)) if typed == *phrase => Ok(yes(phrase)),
            (Ask::Phrase { phrase, .. }, Said::Text(typed)) => Ok(no(&format!("`{typed}` was typed, not `{phrase}`"))),
            (Ask::Report { .. }, Said::YesNo(true)) => Ok(yes("done")),
            (Ask::Report { .. }, Said::Text(text)) => Ok(yes(&text)),
            (Ask::Phrase { .. } | Ask::Report { .. }, Said::YesNo(false)) => Ok(no("the scenario says no")),
            (Ask::Failed { choices } | Ask::Step { choices } | Ask::Doubt { choices }, said) => {
                let chosen = if let Said::Text(text) = &said { text.parse().ok() } else { None };
                match chosen.filter(|choice| choices.contains(choice)) {
                    Some(choice) => Ok(Answer::Chosen { choice, by: Answerer::Scenario }),
                    None => wrong(&format!("one of {}", choices.iter().map(|choice| choice.word()).collect::<Vec<_>>().join(", "))),
                }
            }
            (Ask::Override, _) => Ok(no("the scenario does not override it")),
        }
    }
}

impl Prompt for Scripted {
    fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
        let mut memory = self.memory();
        // A choice is made once where nobody says otherwise, or a step that always fails would be tried for ever.
        let again = memory.asked.iter().any(|asked| asked.place == question.place && asked.ask == question.ask);
        let stop = Answer::Chosen { choice: Choice::Stop, by: Answerer::Scenario };
        let answer = match (self.answer(&mut memory, question), self.otherwise, &question.ask) {
            (Ok(Answer::Chosen { choice: Choice::Retry, .. }), Some(_), _) if again => Ok(stop),
            (Err(_), Some(choice), Ask::Failed { choices } | Ask::Step { choices } | Ask::Doubt { choices }) => {
                let offered = choices.contains(&choice) && !again;
                Ok(if offered { Answer::Chosen { choice, by: Answerer::Scenario } } else { stop })
            }
            (Err(_), Some(_), _) => Ok(Answer::No { why: "the scenario does not say".to_owned() }),
            (answer, _, _) => answer,
        };
        memory.asked.push(AskedQuestion {
            place: question.place.clone(),
            ask: question.ask.clone(),
            answer: answer.as_ref().ok().cloned(),
        });
        answer.map_err(|fault| {
            memory.faults.push(fault);
            NoAnswer::NoTerminal { beforehand: Beforehand::Nothing { instead: "`answers` in the scenario" } }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Behind;

    fn scripted(answers: &str) -> Scripted {
        let text = format!("halligan_scenario: 1\nrunbook: x\ntitle: t\n{answers}");
        Scripted::new(Arc::new(Scenario::parse("s.yaml", &text).unwrap()))
    }

    fn question(place: &str, ask: Ask) -> Question {
        Question {
            place: Some(Place::top("loop").item("i", "1").child(place)),
            ask,
            text: "Sure?\nReally?".into(),
            behind: Behind::default(),
        }
    }

    fn phrase() -> Ask {
        Ask::Phrase { phrase: "WD-7".into(), destroys: true }
    }

    #[test]
    fn a_phrase_is_typed_right_or_wrong() {
        for (said, yes) in [("true", true), ("WD-7", true), ("wd-7", false), ("false", false), ("yes", false)] {
            let answer = scripted(&format!("answers: {{wipe: {said}}}")).ask(&question("wipe", phrase())).unwrap();
            assert_eq!(answer == Answer::Yes { typed: "WD-7".into(), by: Answerer::Scenario }, yes, "{said}: {answer:?}");
        }
    }

    #[test]
    fn a_question_without_an_answer_is_a_fault_that_names_it() {
        let prompt = scripted("");
        assert!(prompt.ask(&question("wipe", phrase())).is_err());
        let faults = prompt.take_faults();
        assert_eq!(faults[0].to_string(), "s.yaml: no answer to the question at loop[i=1].wipe: Sure?\nadd to `answers:`\n  wipe: true");
        assert_eq!(prompt.asked()[0].answer, None);
        assert!(prompt.take_faults().is_empty());
    }

    #[test]
    fn a_list_answers_one_time_each() {
        let prompt = scripted("answers:\n  up: [retry, stop]\n");
        let failed = question("up", Ask::Failed { choices: vec![Choice::Retry, Choice::Stop] });
        let chosen = |choice| Answer::Chosen { choice, by: Answerer::Scenario };
        assert_eq!(prompt.ask(&failed).unwrap(), chosen(Choice::Retry));
        assert_eq!(prompt.ask(&failed).unwrap(), chosen(Choice::Stop));
        assert!(prompt.ask(&failed).is_err());
        assert_eq!(prompt.take_faults()[0].line, Some(5));
        let prompt = scripted("answers: {up: explode}");
        assert!(prompt.ask(&failed).is_err());
        assert!(prompt.take_faults()[0].what.contains("one of retry, stop"));
    }

    #[test]
    fn what_always_fails_is_tried_again_once_where_a_fault_was_let_in() {
        let failed = question("up", Ask::Failed { choices: vec![Choice::Retry, Choice::Stop] });
        let chosen = |choice| Answer::Chosen { choice, by: Answerer::Scenario };
        let all = |prompt: Scripted| [(); 3].map(|()| prompt.ask(&failed).unwrap());
        assert_eq!(all(scripted("answers: {up: retry}")), [Choice::Retry; 3].map(chosen));
        let swept = scripted("answers: {up: retry}").otherwise(Some(Choice::Rollback));
        assert_eq!(all(swept), [Choice::Retry, Choice::Stop, Choice::Stop].map(chosen));
        assert_eq!(all(scripted("").otherwise(Some(Choice::Retry))), [Choice::Retry, Choice::Stop, Choice::Stop].map(chosen));
    }

    #[test]
    fn a_place_comes_before_its_step_and_the_plan_is_confirmed() {
        let prompt = scripted("answers: {ok: false, 'loop[i=1].ok': true}\noverrides: {gate: checked by hand}");
        assert!(matches!(prompt.ask(&question("ok", Ask::YesNo)).unwrap(), Answer::Yes { .. }));
        let plan = Question { place: None, ask: Ask::Plan { changes: 1, destroys: 0 }, text: String::new(), behind: Behind::default() };
        assert!(matches!(prompt.ask(&plan).unwrap(), Answer::Yes { .. }));
        assert!(matches!(scripted("answers: {plan: false}").ask(&plan).unwrap(), Answer::No { .. }));
        assert_eq!(
            prompt.ask(&question("gate", Ask::Override)).unwrap(),
            Answer::Yes { typed: "checked by hand".into(), by: Answerer::Scenario }
        );
        assert!(matches!(prompt.ask(&question("other", Ask::Override)).unwrap(), Answer::No { .. }));
    }
}
