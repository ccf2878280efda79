//! Where a window stands so that its user can reach it: no I/O here.

/// A rectangle in the pixels of the screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// So much of the title must be seen to take hold of it.
const TITLE_HEIGHT: u32 = 32;
const TITLE_SEEN: (i32, i32) = (120, 16);

/// Where to bring a window that is out of reach: into the middle of the first screen, no larger than
/// that. `None` where it can stay, or nothing is known of screens.
pub(crate) fn brought_back(window: Area, screens: &[Area]) -> Option<Area> {
    let title = Area { height: TITLE_HEIGHT, ..window };
    let is_seen = |screen: &Area| {
        let (width, height) = shared(title, *screen);
        width >= TITLE_SEEN.0 && height >= TITLE_SEEN.1
    };
    let screen = screens.first().filter(|_| !screens.iter().any(is_seen))?;
    let (width, height) = (window.width.min(screen.width), window.height.min(screen.height));
    let half = |length: u32| i32::try_from(length / 2).unwrap_or(0);
    Some(Area {
        x: screen.x.saturating_add(half(screen.width - width)),
        y: screen.y.saturating_add(half(screen.height - height)),
        width,
        height,
    })
}

/// Width and height of what two areas share; not above zero where they share nothing.
fn shared(one: Area, other: Area) -> (i32, i32) {
    let end = |start: i32, length: u32| start.saturating_add_unsigned(length);
    let right = end(one.x, one.width).min(end(other.x, other.width));
    let bottom = end(one.y, one.height).min(end(other.y, other.height));
    (right.saturating_sub(one.x.max(other.x)), bottom.saturating_sub(one.y.max(other.y)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area((x, y, width, height): (i32, i32, u32, u32)) -> Area {
        Area { x, y, width, height }
    }

    #[test]
    fn a_window_out_of_reach_is_brought_back() {
        let left = (-1920, 0, 1920, 1080);
        let main = (0, 24, 1280, 776);
        for (window, screens, expected) in [
            // Within reach, if only just.
            ((100, 100, 1000, 600), &[main][..], None),
            ((-800, 100, 1000, 600), &[main], None),
            ((1160, 700, 1000, 600), &[main], None),
            ((-1500, 200, 1000, 600), &[main, left], None),
            // Larger than its screen, but its title is there.
            ((0, 24, 3000, 2000), &[main], None),
            // A screen that is gone.
            ((-1500, 200, 1000, 600), &[main], Some((140, 112, 1000, 600))),
            ((9000, 9000, 1000, 600), &[main, left], Some((140, 112, 1000, 600))),
            // Only a sliver, or only what is below the title.
            ((1200, 100, 1000, 600), &[main], Some((140, 112, 1000, 600))),
            ((100, -400, 1000, 600), &[main], Some((140, 112, 1000, 600))),
            // Too large for what is left.
            ((9000, 0, 3000, 2000), &[main], Some((0, 24, 1280, 776))),
            ((i32::MAX, i32::MIN, u32::MAX, u32::MAX), &[main], Some((0, 24, 1280, 776))),
            ((9000, 9000, 1000, 600), &[], None),
        ] {
            let screens: Vec<Area> = screens.iter().copied().map(area).collect();
            let brought = brought_back(area(window), &screens);
            assert_eq!(brought, expected.map(area), "{window:?} on {screens:?}");
        }
    }
}
