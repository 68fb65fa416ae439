//! What each event says, against what the callback told that it repeats.

use super::super::event::Event;
use super::super::report::Kind;
use super::Court;
use crate::sim::meaning::{Meaning, beginning, is_same_number};

const TYPE: &str = "com.plivo.10dlc";

impl Court<'_> {
    /// Replays and revisions too: whoever reads them goes by what they say. Where there must be no event at all, it makes
    /// no difference what it says.
    pub(super) fn meanings(&mut self) {
        for (place, event) in self.events.iter().enumerate() {
            let Some(group) = self.group_of[place] else { continue };
            let Some(told) = self.book.told(group).filter(|_| !self.is_forged_through(group)) else {
                continue;
            };
            let wrong = slips(told, &self.book.groups[group].endpoint, event);
            if !wrong.is_empty() {
                self.find_once(Kind::Misread, group, self.on_event(place, &wrong.join("; ")));
            }
        }
    }
}

/// Everything that an event says otherwise. `endpoint` is the one that the callback was sent for, whether it told so
/// or not.
fn slips(told: &Meaning, endpoint: &str, event: &Event) -> Vec<String> {
    let said = &event.means;
    let mut slips = Vec::new();
    let mut hold = |name: &str, told: Option<&str>, said: Option<&str>, same: fn(&str, &str) -> bool| {
        let agree = match (told, said) {
            (Some(told), Some(said)) => same(told, said),
            (told, said) => told == said,
        };
        if !agree {
            slips.push(format!("its {name} is {}, and {} was told", shown(said), shown(told)));
        }
    };
    hold("brand_id", told.brand_id.as_deref(), said.brand_id.as_deref(), is_same_text);
    hold("campaign_id", told.campaign_id.as_deref(), said.campaign_id.as_deref(), is_same_text);
    hold("number", told.number.as_deref(), said.number.as_deref(), is_same_number);
    hold("reason", told.reason.as_deref(), said.reason.as_deref(), is_same_text);
    let exactly = |told: &str, said: &str| told == said;
    if said.endpoint.is_none() && told.endpoint.is_none() {
        hold("type", Some(&format!("{TYPE}.unrecognized")), Some(&event.kind), exactly);
        return slips;
    }
    let status = told.status.as_deref().unwrap_or_default();
    hold("endpoint", Some(endpoint), said.endpoint.as_deref(), exactly);
    hold("status", Some(status), said.status.as_deref(), exactly);
    hold("type", Some(&format!("{TYPE}.{endpoint}.{status}")), Some(&event.kind), exactly);
    // The ids are held to what was told already: this is about how they are put together.
    let subject = said.entity(endpoint).map(|entity| format!("{endpoint}/{entity}"));
    // An attribute holds no control characters, however its maker writes them.
    if !subject.iter().any(|subject| subject.chars().any(char::is_control)) {
        hold("subject", subject.as_deref(), event.subject.as_deref(), exactly);
    }
    slips
}

fn is_same_text(told: &str, said: &str) -> bool {
    beginning(told) == beginning(said)
}

fn shown(text: Option<&str>) -> String {
    text.map_or_else(|| "missing".to_owned(), |text| format!("{:?}", beginning(text)))
}
